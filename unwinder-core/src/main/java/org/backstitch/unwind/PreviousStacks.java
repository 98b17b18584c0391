package org.backstitch.unwind;

import org.jspecify.annotations.Nullable;

/** What is remembered of the stacks that a walker has seen: one stack for each place in memory, later ones taking the place of others. */
final class PreviousStacks {
    private static final int BITS = 6;

    /** Stacks of threads are megabytes apart. */
    private static final int REGION_BITS = 20;

    private final @Nullable PreviousStack[] stacks = new PreviousStack[1 << BITS];

    /** Where what is known of the stack around an address has its place, among 2 to the power of {@code bits}. */
    static int place(long sp, int bits) {
        return (int) ((sp >>> REGION_BITS) * 0x9e37_79b9_7f4a_7c15L >>> Long.SIZE - bits);
    }

    /** What is remembered of the stack around an address; of which process's will show. */
    PreviousStack around(long sp) {
        int place = place(sp, BITS);
        PreviousStack stack = stacks[place];
        if (stack == null) {
            stack = new PreviousStack();
            stacks[place] = stack;
        }
        return stack;
    }
}
