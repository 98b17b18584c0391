package org.backstitch.unwind;

import java.util.Arrays;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.X86_64;

/**
 * The frames of one stack, callee first, and why they end.
 *
 * <p>Mutable and reused: a walker fills it anew for each stack, and allocates only when a chain is longer than any before. Not
 * thread-safe.
 */
public final class Callchain {
    /**
     * No bound on the number of frames but the one that every chain has: 2<sup>24</sup>, more than a stack of 128 MiB can hold. A hostile
     * table can make up frames that no stack holds.
     */
    public static final int UNLIMITED = 1 << 24;

    private static final int EXACT = 0x80;

    long[] pcs = new long[128];
    int size;

    /** What is special about frames: {@link #EXACT} and the origin. All zero as long as {@link #marked} does not hold. */
    private byte[] marks = new byte[128];

    private boolean marked;
    private StopReason stop = StopReason.NONE;
    private int maxFrames = UNLIMITED;
    private boolean recordsRegisters;
    private long[] registers = new long[0];
    private int[] known = new int[0];

    /** An empty chain without a bound. */
    public Callchain() {}

    /**
     * Bounds the chain: a walk that would give more frames stops with {@link StopReason#MAX_STACK}.
     *
     * @param frames at least 1
     */
    public Callchain limit(int frames) {
        if (frames < 1) {
            throw new IllegalArgumentException("a chain of at most " + frames + " frames");
        }
        maxFrames = Math.min(frames, UNLIMITED);
        return this;
    }

    /** How many frames the chain may have. */
    public int limit() {
        return maxFrames;
    }

    /** Asks walkers to keep every frame's registers. */
    public Callchain recordRegisters(boolean wanted) {
        recordsRegisters = wanted;
        return this;
    }

    /** Whether walkers keep every frame's registers. */
    public boolean recordsRegisters() {
        return recordsRegisters;
    }

    /** How many frames there are. */
    public int size() {
        return size;
    }

    /** The pc of frame {@code index}, 0 being the innermost: exact for it and above a signal frame, else the return address. */
    public long pc(int index) {
        return pcs[checked(index)];
    }

    /** Whether frame {@code index} was executing at its pc, rather than having called from before it. */
    public boolean isExact(int index) {
        return checked(index) == 0 || (marks[index] & EXACT) != 0;
    }

    /** The address to look frame {@code index} up by: its pc if that is exact, else the byte before it, which is in the call. */
    public long lookupPc(int index) {
        return isExact(index) ? pcs[index] : pcs[index] - 1;
    }

    /** How the walk came to frame {@code index}. */
    public FrameOrigin origin(int index) {
        return FrameOrigin.of(marks[checked(index)] & ~EXACT & 0x7f);
    }

    /** Why the chain ends where it ends. */
    public StopReason stop() {
        return stop;
    }

    /** Whether a register is known in frame {@code index}; only if the chain {@link #recordsRegisters}. */
    public boolean isKnown(int index, int register) {
        return (known[checked(index)] >>> register & 1) != 0;
    }

    /** A register's value in frame {@code index}, by its DWARF number; only if it {@link #isKnown}. */
    public long register(int index, int register) {
        return registers[checked(index) * X86_64.COUNT + register];
    }

    /** Whether another chain has the same frames, reached in the same ways, and ends for the same reason. */
    public boolean sameFramesAs(Callchain that) {
        return size == that.size
                && stop == that.stop
                && Arrays.equals(pcs, 0, size, that.pcs, 0, size)
                && Arrays.equals(marks, 0, size, that.marks, 0, size);
    }

    private int checked(int index) {
        if (index < 0 || index >= size) {
            throw new IndexOutOfBoundsException("frame " + index + " of " + size);
        }
        return index;
    }

    // What walkers do with a chain.

    void clear() {
        if (marked) {
            Arrays.fill(marks, (byte) 0);
            marked = false;
        }
        size = 0;
        stop = StopReason.NONE;
    }

    /** How many frames fit before {@link #grow} is needed or the bound is reached. */
    int room() {
        return Math.min(maxFrames, pcs.length);
    }

    /** Makes room for one more frame at least; false if the bound forbids it. */
    boolean grow() {
        if (size >= maxFrames) {
            return false;
        }
        if (size == pcs.length) {
            pcs = Arrays.copyOf(pcs, size * 2);
            marks = Arrays.copyOf(marks, Math.max(marks.length, size * 2));
        }
        return true;
    }

    /** Makes room for {@code wanted} frames behind the first {@code frames}, as far as the bound allows; gives for how many there is. */
    int reserve(int frames, int wanted) {
        int needed = (int) Math.min((long) frames + wanted, maxFrames);
        if (needed > pcs.length) {
            pcs = Arrays.copyOf(pcs, Math.max(needed, pcs.length * 2));
            marks = Arrays.copyOf(marks, Math.max(marks.length, pcs.length));
        }
        return room() - frames;
    }

    /** Marks the frame that is to be added next. */
    void markNext(boolean exact, FrameOrigin origin) {
        if (size == marks.length) {
            marks = Arrays.copyOf(marks, size * 2);
        }
        marked = true;
        marks[size] = (byte) ((exact ? EXACT : 0) | origin.code());
    }

    void keepRegisters(int index, Registers frame) {
        if (index >= known.length) {
            int length = Math.max(pcs.length, index + 1);
            registers = Arrays.copyOf(registers, length * X86_64.COUNT);
            known = Arrays.copyOf(known, length);
        }
        frame.copyTo(registers, index * X86_64.COUNT);
        known[index] = frame.knownMask();
    }

    void stop(StopReason reason) {
        stop = reason;
    }

    /** Cuts the chain back to {@code frames}. */
    void truncate(int frames) {
        for (int i = frames; i < size; i++) {
            marks[i] = 0;
        }
        size = frames;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < size; i++) {
            text.append(Long.toHexString(pcs[i])).append(' ');
        }
        return text.append(stop.label()).toString();
    }
}
