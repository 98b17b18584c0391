package org.backstitch.unwind;

import java.nio.ByteBuffer;
import org.backstitch.unwind.machine.StackDump;

/**
 * Loads the lines of a stack into the processor's cache ahead of a walk, side by side: the walk itself could not ask for a line before it
 * had the one before.
 */
final class StackLines {
    /** A line of the processor's cache. */
    private static final int LINE = 64;

    /** A stack may have large holes, which no frame is read from. */
    private static final int MAX_LOADED = 8192;

    /** Keeps the loads from being optimised away. */
    @SuppressWarnings("UnusedVariable") // that it is written is what counts
    private long loaded;

    /**
     * Loads a word of every line.
     *
     * @param offset where in the buffer the stack starts
     * @param size how far the walk will go, in bytes; where nothing is known of the stack it is negative, and nothing is loaded
     */
    void load(ByteBuffer stack, int offset, long size) {
        long sum = 0;
        int end = Math.clamp(size, 0, MAX_LOADED);
        for (int i = 0; i < end; i += LINE) {
            sum += (long) StackDump.WORDS.get(stack, offset + i);
        }
        loaded = sum;
    }
}
