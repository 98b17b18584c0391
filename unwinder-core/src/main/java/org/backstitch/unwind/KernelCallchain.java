package org.backstitch.unwind;

import java.util.Arrays;

/**
 * The frames of a kernel stack, innermost first, and why there are no more. Filled by a {@link KernelUnwinder}, and reused.
 *
 * <p>Frames are numbered from 0. Not thread-safe.
 */
public final class KernelCallchain {
    private static final int INTERRUPTED = 1;
    private static final int FULL_REGISTERS = 2;

    private long[] pcs = new long[64];
    private long[] sps = new long[64];
    private long[] rbps = new long[64];
    private long[] registerAddresses = new long[64];
    private byte[] flags = new byte[64];
    private int size;
    private StopReason stop = StopReason.NONE;
    private boolean user;
    private long userPc;
    private long userSp;
    private long userRegistersAddress;
    private boolean userRegistersComplete;

    /** An empty chain. */
    public KernelCallchain() {}

    /** Forgets everything. */
    public void clear() {
        size = 0;
        stop = StopReason.NONE;
        user = false;
        userPc = 0;
        userSp = 0;
        userRegistersAddress = 0;
        userRegistersComplete = false;
    }

    void add(long pc, long sp, long rbp, boolean interrupted, long registersAddress, boolean complete) {
        if (size == pcs.length) {
            grow();
        }
        pcs[size] = pc;
        sps[size] = sp;
        rbps[size] = rbp;
        registerAddresses[size] = registersAddress;
        flags[size] = (byte) ((interrupted ? INTERRUPTED : 0) | (complete ? FULL_REGISTERS : 0));
        size++;
    }

    private void grow() {
        int capacity = size * 2;
        pcs = Arrays.copyOf(pcs, capacity);
        sps = Arrays.copyOf(sps, capacity);
        rbps = Arrays.copyOf(rbps, capacity);
        registerAddresses = Arrays.copyOf(registerAddresses, capacity);
        flags = Arrays.copyOf(flags, capacity);
    }

    void stop(StopReason reason) {
        stop = reason;
    }

    void user(long pc, long sp, long registersAddress, boolean complete) {
        user = true;
        userPc = pc;
        userSp = sp;
        userRegistersAddress = registersAddress;
        userRegistersComplete = complete;
    }

    /** The number of kernel frames. */
    public int size() {
        return size;
    }

    /** Where the frame was interrupted ({@link #isInterrupted}), or the address that its callee will return to. */
    public long pc(int frame) {
        return pcs[frame];
    }

    /** RSP in the frame: for a caller, the CFA of the frame that it called. */
    public long sp(int frame) {
        return sps[frame];
    }

    /** RBP in the frame, as the ORC unwinder knows it: code that uses RBP for other things may have changed it unnoticed. */
    public long rbp(int frame) {
        return rbps[frame];
    }

    /** Whether the pc is exact: the frame did not call what is below it, but was interrupted, or is where the CPU stands. */
    public boolean isInterrupted(int frame) {
        return (flags[frame] & INTERRUPTED) != 0;
    }

    /**
     * The address of the {@code struct pt_regs} that the frame was interrupted with, or 0 if there is none in memory. Unless
     * {@link #hasFullRegisters}, only the part that the hardware saves is there, from {@code PtRegs.IRET_FRAME_OFFSET} on.
     */
    public long registersAddress(int frame) {
        return registerAddresses[frame];
    }

    /** Whether {@link #registersAddress} is that of complete registers. */
    public boolean hasFullRegisters(int frame) {
        return (flags[frame] & FULL_REGISTERS) != 0;
    }

    /** Why there are no more frames; {@link StopReason#NONE} before a walk. */
    public StopReason stop() {
        return stop;
    }

    /** Whether the registers of user mode were found, which are those of the first user frame. */
    public boolean hasUserFrame() {
        return user;
    }

    /** Where user mode was left. */
    public long userPc() {
        return userPc;
    }

    /** RSP when user mode was left. */
    public long userSp() {
        return userSp;
    }

    /** As {@link #registersAddress}, for the user frame; 0 if they are the registers that the walk began with. */
    public long userRegistersAddress() {
        return userRegistersAddress;
    }

    /** Whether all registers of user mode are known, or only those that the hardware saves. */
    public boolean hasFullUserRegisters() {
        return userRegistersComplete;
    }

    /** Whether another chain has the same frames: pc, RSP, how each was reached, and the user frame. */
    public boolean sameFramesAs(KernelCallchain other) {
        boolean same = size() == other.size() && hasUserFrame() == other.hasUserFrame();
        for (int frame = 0; same && frame < size(); frame++) {
            same = pc(frame) == other.pc(frame)
                    && sp(frame) == other.sp(frame)
                    && isInterrupted(frame) == other.isInterrupted(frame);
        }
        return same && (!hasUserFrame() || userPc() == other.userPc() && userSp() == other.userSp());
    }
}
