package org.backstitch.unwind;

import org.backstitch.unwind.machine.Registers;

/**
 * Notices when a walk goes round in a circle, in constant memory.
 *
 * <p>A circle needs at least one step that does not move the stack pointer up, so only those are looked at. Brent's way: a state is
 * remembered, and replaced after 1, 2, 4, … such steps; one that comes back is found after at most three rounds.
 */
final class CycleDetector {
    /**
     * After so many steps that did not move the stack pointer up there is no progress, whatever the states are: a register that counts
     * would make each of them new. Real chains have one such step for each signal on a stack of its own.
     */
    static final int MOST_STANDING = 1 << 16;

    private final Registers remembered = new Registers();
    private int rememberedFrames;
    private int steps;
    private int nextReplacement;

    void begin() {
        steps = 0;
        nextReplacement = 1;
        rememberedFrames = 0;
    }

    /**
     * Tells the detector of a step that did not move the stack pointer up.
     *
     * @param state the registers after the step
     * @param frames how many frames the chain had before the step
     * @return how many of them were there before the state came up first; all of them after too many such steps; -1 otherwise
     */
    int standing(Registers state, int frames) {
        if (steps > 0 && remembered.sameAs(state)) {
            return rememberedFrames;
        }
        if (steps == MOST_STANDING) {
            return frames;
        }
        if (++steps >= nextReplacement) {
            nextReplacement *= 2;
            remembered.copyFrom(state);
            rememberedFrames = frames;
        }
        return -1;
    }
}
