package org.backstitch.unwind.deferred.simulation;

/**
 * What a run cost.
 *
 * @param samples how many samples were taken, written or not
 * @param unwindsInInterrupt user stacks unwound where no fault is allowed
 * @param unwindsLate user stacks unwound at the return to user mode
 * @param pageFaults pages brought in for the unwinder
 * @param recordsLost records for which there was no room
 * @param bytesWritten to all buffers
 * @param selfInterrupts interrupts that a CPU sent to itself so that a request is seen
 * @param foreignWrites late records written to the buffer of a CPU other than the one they were written on
 * @param refusedWorks works that an exiting task did not take
 */
public record RunCounts(
        long samples,
        long unwindsInInterrupt,
        long unwindsLate,
        long pageFaults,
        long recordsLost,
        long bytesWritten,
        long selfInterrupts,
        long foreignWrites,
        long refusedWorks) {}
