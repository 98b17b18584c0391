package org.backstitch.unwind;

import java.nio.ByteBuffer;
import org.backstitch.unwind.machine.StackDump;

/**
 * Where the return addresses of a stack lay when it was walked last, so that the next walk can load the lines that hold them ahead of its
 * steps, side by side ({@link StackLines}).
 *
 * <p>The inner frames are others in each sample: of their part every line is loaded. Further out most frames are where they were, and
 * they may be large: to load what lies between their return addresses took longer than it gained.
 */
final class ReturnSlots {
    private static final int BITS = 6;

    /** How much of the stack is loaded line by line, in bytes. */
    private static final int INNER = 2048;

    /** How many slots are remembered at most. */
    private static final int MAX_SLOTS = 1024;

    private final StackLines lines = new StackLines();

    /** The addresses of the slots, from the innermost, for each place in memory that stacks are at. */
    private final long[][] slots = new long[1 << BITS][0];

    private final int[] counts = new int[1 << BITS];
    private int place;

    /** Keeps the loads from being optimised away. */
    @SuppressWarnings("UnusedVariable") // that it is written is what counts
    private long loaded;

    /**
     * Loads what the walk of a stack will probably need.
     *
     * @param stack holds the stack's bytes
     * @param bias what is to be added to an address for its place in the buffer
     * @param start the address of the first byte
     * @param words from how many addresses a word can be loaded
     */
    void load(ByteBuffer stack, long bias, long start, long words) {
        place = PreviousStacks.place(start, BITS);
        long[] known = slots[place];
        int i = counts[place] - 1;
        if (i < 0) {
            return;
        }
        long inner = Math.max(0, Math.min(Math.min(INNER, words), known[i] - start));
        lines.load(stack, (int) (start + bias), inner);
        long sum = 0;
        for (; i >= 0 && known[i] - start >= inner; i--) {
            if (known[i] - start < words) {
                sum += (long) StackDump.WORDS.get(stack, (int) (known[i] + bias));
            }
        }
        loaded = sum;
    }

    /** Keeps what the walk of that stack has found: {@link Callchain#kept}. */
    void keep(Callchain chain) {
        int count = Math.min(chain.size, MAX_SLOTS);
        if (slots[place].length < count) {
            slots[place] = new long[Math.min(2 * count, MAX_SLOTS)];
        }
        long[] found = slots[place];
        long[] kept = chain.kept;
        for (int i = 0; i < count; i++) {
            found[i] = kept[i * Callchain.KEPT + Callchain.KEPT_RSP] - Long.BYTES;
        }
        counts[place] = count;
    }
}
