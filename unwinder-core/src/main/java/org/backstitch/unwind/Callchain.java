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

    /** The registers that calls preserve, and RSP: {@link #KEPT} longs for each frame. */
    long[] kept = new long[0];

    /** Which registers are known in each frame: bit n for DWARF number n. */
    int[] known = new int[0];

    /** The registers that calls do not preserve, where they were first to be had and wherever a signal or a rule has brought them back. */
    private long[] scratch = new long[0];

    /** From which frames on the pieces of {@link #scratch} hold. */
    private int[] scratchFrames = new int[0];

    private int scratchPieces;

    static final int KEPT = 8;
    static final int KEPT_RBX = 0;
    static final int KEPT_RBP = 1;
    static final int KEPT_RSP = 2;

    /** R13 to R15 follow. */
    static final int KEPT_R12 = 3;

    private static final int[] KEPT_REGISTERS = {
        X86_64.RBX, X86_64.RBP, X86_64.RSP, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15
    };

    private static final int[] SCRATCH_REGISTERS = {
        X86_64.RAX, X86_64.RDX, X86_64.RCX, X86_64.RSI, X86_64.RDI, X86_64.R8, X86_64.R9, X86_64.R10, X86_64.R11
    };

    /** Where a register is among those of its kind, by DWARF number: among the kept ones, or -1 less its place among the others. */
    private static final int[] PLACES = new int[X86_64.COUNT];

    static {
        for (int i = 0; i < KEPT_REGISTERS.length; i++) {
            PLACES[KEPT_REGISTERS[i]] = i;
        }
        for (int i = 0; i < SCRATCH_REGISTERS.length; i++) {
            PLACES[SCRATCH_REGISTERS[i]] = -1 - i;
        }
    }

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
        if (register == X86_64.RIP) {
            return pc(index);
        }
        int place = PLACES[register];
        return place >= 0
                ? kept[checked(index) * KEPT + place]
                : scratch[piece(checked(index)) * SCRATCH_REGISTERS.length - 1 - place];
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
        scratchPieces = 0;
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

    /** As {@link #room}, for frames with registers: makes {@link #kept} and {@link #known} as large as {@link #pcs}. */
    int roomForKept() {
        if (known.length < pcs.length) {
            kept = Arrays.copyOf(kept, pcs.length * KEPT);
            known = Arrays.copyOf(known, pcs.length);
        }
        return room();
    }

    /** Keeps the registers that calls do not preserve, if they are not as they were in the frame before {@code index}. */
    void keepScratch(int index, Registers frame) {
        int last = scratchPieces - 1;
        boolean same = last >= 0;
        for (int i = 0; i < SCRATCH_REGISTERS.length && same; i++) {
            same = scratch[last * SCRATCH_REGISTERS.length + i] == frame.get(SCRATCH_REGISTERS[i]);
        }
        if (same) {
            return;
        }
        int piece = scratchPieces++;
        if (piece == scratchFrames.length) {
            scratchFrames = Arrays.copyOf(scratchFrames, Math.max(4, piece * 2));
            scratch = Arrays.copyOf(scratch, scratchFrames.length * SCRATCH_REGISTERS.length);
        }
        scratchFrames[piece] = index;
        for (int i = 0; i < SCRATCH_REGISTERS.length; i++) {
            scratch[piece * SCRATCH_REGISTERS.length + i] = frame.get(SCRATCH_REGISTERS[i]);
        }
    }

    /** The piece of {@link #scratch} that holds for a frame. */
    private int piece(int index) {
        int found = Arrays.binarySearch(scratchFrames, 0, scratchPieces, index);
        return found >= 0 ? found : -2 - found;
    }

    /** Gives {@code target} the registers that frame {@code index} has; what calls do not preserve it has already. */
    void restore(int index, Registers target) {
        for (int i = 0; i < KEPT_REGISTERS.length; i++) {
            int register = KEPT_REGISTERS[i];
            if ((known[index] >>> register & 1) != 0) {
                target.set(register, kept[index * KEPT + i]);
            } else {
                target.forget(register);
            }
        }
        target.set(X86_64.RIP, pcs[index]);
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
        while (scratchPieces > 0 && scratchFrames[scratchPieces - 1] >= frames) {
            scratchPieces--;
        }
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
