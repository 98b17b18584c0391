package org.backstitch.unwind.deferred;

import java.util.Arrays;

/**
 * Finds the samples of one kernel entry in a recording that holds user registers and stack bytes with every sample
 * ({@code perf record --call-graph dwarf}), so that one unwind serves them all.
 *
 * <p>A task that is in the kernel does not change its user registers nor, by itself, its user stack: every sample of one entry holds
 * the same. A sample shares the entry of its task's sample before it if
 *
 * <ul>
 *   <li>it was taken in kernel mode (one in user mode proves a return to it, and begins an entry of its own);
 *   <li>all recorded user registers and all recorded stack bytes are the same, byte by byte; and
 *   <li>nothing was mapped or unmapped in its process in between.
 * </ul>
 *
 * <p>That two entries look like one is possible: a loop that makes the same system call with the same registers and the same stack.
 * No sample in user mode fell between them, so nothing in the recording tells them apart; and since all that an unwinder sees is
 * the same, so is the callchain. What is shared is therefore always right; what might be shared but is not proven stays apart: the
 * stack of a sleeping task that another thread writes to, a task that the bounded memory has forgotten.
 *
 * <p>Samples must come in time order. Memory: {@value #BYTES_PER_TASK} bytes for each of a fixed number of tasks; a task whose place
 * another one has taken begins a new entry. Not thread-safe.
 */
public final class EntrySharing {
    /** Memory for each task, in bytes. */
    public static final int BYTES_PER_TASK = 28;

    /** The default number of tasks. */
    public static final int DEFAULT_TASKS = 1 << 14;

    private static final long FREE = -1;

    /** Compares what two samples of one task recorded. */
    @FunctionalInterface
    public interface SameState {
        /** Whether all user registers and all stack bytes of the two samples are the same. */
        boolean same(long earlierSample, long laterSample);
    }

    private final SameState sameState;
    private final int[] tids;
    private final long[] entries;
    private final long[] samples;
    private final long[] addressSpaces;
    private long begun;
    private long shared;

    /**
     * @param tasks how many tasks to remember: rounded up to a power of two, at most 2<sup>24</sup>
     * @param sameState compares samples by the handles that {@link #entry} was given
     */
    public EntrySharing(int tasks, SameState sameState) {
        if (tasks < 1 || tasks > 1 << 24) {
            throw new IllegalArgumentException("room for " + tasks + " tasks");
        }
        int capacity = Integer.highestOneBit(2 * tasks - 1);
        this.sameState = sameState;
        this.tids = new int[capacity];
        this.entries = new long[capacity];
        this.samples = new long[capacity];
        this.addressSpaces = new long[capacity];
        Arrays.fill(entries, FREE);
    }

    /**
     * The number of the entry that a sample belongs to: that of an earlier sample, whose callchain is then its own too, or the
     * next new one.
     *
     * @param sample the caller's handle
     * @param kernelMode whether the task was in the kernel
     * @param addressSpace a number that changes whenever a mapping of the sample's process does
     * @return numbers from 0 on, each new one by one higher than the last new one
     */
    public long entry(long sample, int tid, boolean kernelMode, long addressSpace) {
        int slot = tid & (tids.length - 1);
        boolean known = entries[slot] != FREE && tids[slot] == tid;
        if (known && kernelMode && addressSpaces[slot] == addressSpace && sameState.same(samples[slot], sample)) {
            shared++;
            return entries[slot];
        }
        tids[slot] = tid;
        entries[slot] = begun;
        samples[slot] = sample;
        addressSpaces[slot] = addressSpace;
        return begun++;
    }

    /** The task runs another program, or ends: its next sample begins a new entry. */
    public void forget(int tid) {
        int slot = tid & (tids.length - 1);
        if (tids[slot] == tid) {
            entries[slot] = FREE;
        }
    }

    /** How many entries there are so far: as many unwinds are needed. */
    public long entries() {
        return begun;
    }

    /** How many samples share an earlier one's entry so far: as many unwinds are saved. */
    public long shared() {
        return shared;
    }
}
