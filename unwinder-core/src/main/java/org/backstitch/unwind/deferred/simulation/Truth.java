package org.backstitch.unwind.deferred.simulation;

import org.jspecify.annotations.Nullable;

/**
 * What the oracle knows. It follows the program, not its stack: its callchains are lists of what was called and interrupted.
 *
 * <p>A user stack is known by the task, by how many instructions the task had executed, which stays the same as long as it does not
 * leave the kernel, and by how often the kernel had given it other registers (a signal's frame, the return from one, an exec).
 */
public sealed interface Truth {
    /** The number of the task, from 0 on; idle tasks have numbers behind all others. */
    int task();

    /** The program that the task was running: by its load address. */
    long program();

    /** How many instructions the task had executed. */
    long executed();

    /** How often its registers had been rewritten by the kernel. */
    int rewritten();

    /** The user callchain, innermost first; empty if there was none. */
    Addresses user();

    /**
     * Of a sample.
     *
     * @param number as the sample's
     * @param tid the task's id
     * @param kernel the kernel callchain, innermost first; empty in user mode
     * @param before the step of the kernel's that the task stood before; null in user mode
     * @param written whether the sample found room in the buffer
     */
    record OfSample(
            int number,
            int task,
            int tid,
            long time,
            long program,
            long executed,
            int rewritten,
            Addresses user,
            Addresses kernel,
            @Nullable KernelStep before,
            boolean written)
            implements Truth {}

    /**
     * Of a late record: what the stack was when it was unwound.
     *
     * @param number as the record's
     */
    record OfRecord(int number, int task, long program, long executed, int rewritten, Addresses user)
            implements Truth {}
}
