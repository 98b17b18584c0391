package org.backstitch.unwind.deferred;

import java.util.Arrays;

/**
 * Joins samples and late callchains as they stream by in time order, and hands every sample on exactly once, in the same order, as
 * soon as nothing can come before it.
 *
 * <p>The face for streams: what comes from a pipe or a running kernel is seen once. (Whoever holds a file uses a
 * {@link DeferredIndex}, with which no sample waits.) Samples and callchains are opaque handles of the caller, an offset or a key;
 * the stitcher never looks behind them.
 *
 * <p><b>What waits.</b> A sample that asked for a callchain waits for the record, and every later sample waits behind it. The wait
 * ends when the record comes, or when it is certain that it never will: the task is gone, its program is replaced by an exec, the
 * data ends, or the task has gone on to {@value #OPEN_ENTRIES} other entries (entries of a task follow each other; more than one
 * is allowed for clocks that disagree between CPUs). That last rule needs times and task ids: without them
 * ({@code orderedTasks} false) no such conclusion is drawn.
 *
 * <p><b>Samples after the record.</b> A sample taken between the late unwind and the return to user mode carries the same cookie and
 * gets no record of its own; the callchain of the task's latest entries is kept for it.
 *
 * <p><b>Memory.</b> At most {@code maxHeld} samples wait, at {@value #BYTES_PER_SAMPLE} bytes each, and at most {@code maxHeld}
 * entries are known, at {@value #BYTES_PER_ENTRY} bytes each; arrays grow by doubling towards that bound. With the default of
 * {@value #DEFAULT_MAX_HELD} a million pending samples fit, even of a million sleeping tasks, in 102 MiB. Beyond the bound the oldest
 * request is given up ({@link Deferral#LOST_GIVEN_UP}), which is counted. Every operation takes constant time but for the samples
 * that it decides or releases.
 *
 * <p>Not thread-safe. The sink is called from within the stitcher's methods and must not call back.
 */
public final class Stitcher {
    /** The default bound. */
    public static final int DEFAULT_MAX_HELD = 1 << 20;

    /** Memory for each sample that waits, in bytes. */
    public static final int BYTES_PER_SAMPLE = HeldSamples.BYTES;

    /** Memory for each entry that is known, in bytes. */
    public static final int BYTES_PER_ENTRY = OpenEntries.BYTES;

    /** What stands for the callchain where there is none. */
    public static final long NO_CHAIN = -1;

    static final int OPEN_ENTRIES = 2;

    /** Where finished samples go. */
    @FunctionalInterface
    public interface Sink {
        /**
         * A sample is finished.
         *
         * @param sample the caller's handle
         * @param deferral what became of its request
         * @param chain the caller's handle of the late callchain; {@link #NO_CHAIN} unless it is stitched
         */
        void sample(long sample, Deferral deferral, long chain);
    }

    private static final int NONE = -1;
    private static final int REMEMBERED_EXITS = 1 << 10;

    private final JoinPolicy policy;
    private final boolean orderedTasks;
    private final int maxHeld;
    private final Sink sink;
    private final StitchCounts counts = new StitchCounts();
    private final HeldSamples held = new HeldSamples();
    private final OpenEntries entries;

    /** Tasks that have exited: a direct-mapped cache, in which a later one may push an earlier one out. */
    private final int[] exited = new int[REMEMBERED_EXITS];

    private long losses;
    private boolean ended;

    /** A stitcher for a kernel of today, with the default bound, whose input has times and task ids. */
    public Stitcher(Sink sink) {
        this(JoinPolicy.COOKIE, true, DEFAULT_MAX_HELD, sink);
    }

    /**
     * @param orderedTasks whether what one task did arrives in the order in which it happened
     * @param maxHeld how many samples, and how many entries, may be kept: 1 to 2<sup>30</sup>
     */
    public Stitcher(JoinPolicy policy, boolean orderedTasks, int maxHeld, Sink sink) {
        if (maxHeld < 1 || maxHeld > 1 << 30) {
            throw new IllegalArgumentException("a bound of " + maxHeld + " samples");
        }
        this.policy = policy;
        this.orderedTasks = orderedTasks;
        this.maxHeld = maxHeld;
        this.sink = sink;
        this.entries = new OpenEntries(maxHeld);
        Arrays.fill(exited, DeferredIndex.UNKNOWN_ID);
    }

    /** A sample that asks for nothing. */
    public void sample(long sample) {
        checkOpen();
        decided(sample, Deferral.NO, NO_CHAIN);
    }

    /**
     * A sample that asks for a late callchain.
     *
     * @param pid its process, or {@link DeferredIndex#UNKNOWN_ID}
     * @param tid its task, or {@link DeferredIndex#UNKNOWN_ID}
     * @param cookie the entry's name; under {@link JoinPolicy#RFC2017} the event's identity
     */
    public void request(long sample, int pid, int tid, long cookie) {
        checkOpen();
        int entry = entries.find(tid, cookie);
        if (entry == NONE) {
            if (tid != DeferredIndex.UNKNOWN_ID && exited[exitedSlot(tid)] == tid) {
                decided(sample, Deferral.LOST_EXIT, NO_CHAIN);
                return;
            }
            entry = open(pid, tid, cookie);
        }
        if (entries.chain(entry) != NO_CHAIN) {
            entries.claim(entry);
            entries.touch(entry);
            decided(sample, Deferral.STITCHED, entries.chain(entry));
            return;
        }
        makeRoom();
        int ticket = held.add(sample, entry);
        int first = entries.firstWaiting(entry);
        if (first == NONE) {
            entries.setLossesBefore(entry, losses);
            first = ticket;
        } else {
            held.setNext(entries.lastWaiting(entry), ticket);
        }
        entries.setWaiting(entry, first, ticket);
    }

    /**
     * A late record.
     *
     * @param pid as for {@link #request}, and so the next two
     * @param chain the caller's handle of its callchain: not negative
     */
    public void record(int pid, int tid, long cookie, long chain) {
        checkOpen();
        if (chain < 0) {
            throw new IllegalArgumentException("a negative handle: " + chain);
        }
        int entry = entries.find(tid, cookie);
        if (entry == NONE) {
            // A new entry of a task that was taken for gone: its beginning has been missed.
            forgetExit(tid);
        }
        switch (policy) {
            case COOKIE -> {
                if (entry == NONE && entries.isFull() && entries.firstWaiting(entries.leastUseful()) != NONE) {
                    counts.countRecords(1, 1, 0); // Nobody waits for it; to keep it, one who waits would have to go.
                    break;
                }
                if (entry == NONE) {
                    entry = open(pid, tid, cookie);
                }
                boolean repeats = entries.chain(entry) != NO_CHAIN;
                counts.countRecords(1, 0, repeats ? 1 : 0);
                if (!repeats) {
                    supersedeOthers(entry, tid);
                    entries.setChain(entry, chain);
                    stitchWaiting(entry, chain);
                    entries.touch(entry);
                }
            }
            case RFC2017 -> {
                boolean awaited = entry != NONE && entries.firstWaiting(entry) != NONE;
                counts.countRecords(1, awaited ? 0 : 1, 0);
                if (entry != NONE) {
                    stitchWaiting(entry, chain);
                    entries.remove(entry);
                }
            }
        }
        release();
    }

    /** Process {@code pid} runs another program from here on: no later record describes what its samples saw so far. */
    public void exec(int pid) {
        checkOpen();
        if (pid == DeferredIndex.UNKNOWN_ID) {
            return;
        }
        for (int entry = entries.firstOfProcess(pid), next; entry != NONE; entry = next) {
            next = entries.nextOfProcess(entry);
            close(entry, Deferral.LOST_EXEC);
        }
        release();
    }

    /**
     * A task ends: whatever it asks for from here on, nothing will come.
     *
     * <p>What it has asked for before may still come if the events are a CPU's: Linux takes a task's own events away, and says so with
     * the record of the exit, before it makes up for the late callchain that is still owed ({@code do_exit} in
     * {@code kernel/exit.c}).
     *
     * @param last whether nothing of this task can follow: the events are its own
     */
    public void exit(int tid, boolean last) {
        checkOpen();
        if (tid == DeferredIndex.UNKNOWN_ID) {
            return;
        }
        for (int entry = entries.firstOfTask(tid), next; entry != NONE; entry = next) {
            next = entries.nextOfTask(entry);
            entries.setExited(entry);
            if (last) {
                close(entry, Deferral.LOST_EXIT);
            }
        }
        exited[exitedSlot(tid)] = tid;
        release();
    }

    /** Whether a sample of a task that has exited still waits for what may come behind the exit. */
    public boolean awaitsExited(int tid) {
        for (int entry = entries.firstOfTask(tid); entry != NONE; entry = entries.nextOfTask(entry)) {
            if (entries.hasExited(entry) && entries.firstWaiting(entry) != NONE) {
                return true;
            }
        }
        return false;
    }

    /** Nothing comes any more of the task with this id that has exited; of one that began behind it, it may. */
    public void gone(int tid) {
        checkOpen();
        for (int entry = entries.firstOfTask(tid), next; entry != NONE; entry = next) {
            next = entries.nextOfTask(entry);
            if (entries.hasExited(entry)) {
                close(entry, Deferral.LOST_EXIT);
            }
        }
        release();
    }

    /** A task begins, perhaps with the id of one that has ended, of which nothing can follow then. */
    public void fork(int tid) {
        checkOpen();
        if (tid == DeferredIndex.UNKNOWN_ID) {
            return;
        }
        for (int entry = entries.firstOfTask(tid), next; entry != NONE; entry = next) {
            next = entries.nextOfTask(entry);
            close(entry, Deferral.LOST_EXIT);
        }
        forgetExit(tid);
        release();
    }

    /** The kernel says that records were lost. */
    public void recordsLost() {
        checkOpen();
        losses++;
    }

    /** The data ends: every sample that still waits is handed on. Nothing may follow. */
    public void end() {
        checkOpen();
        ended = true;
        for (int entry = entries.leastUseful(); entry != NONE; entry = entries.leastUseful()) {
            close(entry, Deferral.LOST_END_OF_DATA);
        }
        release();
    }

    /** How many samples wait now. */
    public int held() {
        return held.size();
    }

    /** The account so far; complete after {@link #end}. */
    public StitchCounts counts() {
        return counts;
    }

    private void checkOpen() {
        if (ended) {
            throw new IllegalStateException("the data has ended");
        }
    }

    private static int exitedSlot(int tid) {
        return tid & (REMEMBERED_EXITS - 1);
    }

    private void forgetExit(int tid) {
        if (exited[exitedSlot(tid)] == tid) {
            exited[exitedSlot(tid)] = DeferredIndex.UNKNOWN_ID;
        }
    }

    private int open(int pid, int tid, long cookie) {
        if (policy == JoinPolicy.COOKIE && orderedTasks && tid != DeferredIndex.UNKNOWN_ID) {
            closeOldEntries(tid);
        }
        if (entries.isFull()) {
            close(entries.leastUseful(), Deferral.LOST_GIVEN_UP);
        }
        release();
        return entries.add(pid, tid, cookie);
    }

    /** Of a task that begins another entry, only the latest stay open. */
    private void closeOldEntries(int tid) {
        int open = 1;
        for (int entry = entries.firstOfTask(tid), next; entry != NONE; entry = next) {
            next = entries.nextOfTask(entry);
            if (++open > OPEN_ENTRIES) {
                close(entry, Deferral.LOST);
            }
        }
    }

    /** The record of an entry shows that its task has left all others, whatever else happens to it. */
    private void supersedeOthers(int entry, int tid) {
        if (!orderedTasks || tid == DeferredIndex.UNKNOWN_ID) {
            return;
        }
        for (int other = entries.firstOfTask(tid); other != NONE; other = entries.nextOfTask(other)) {
            if (other != entry && !entries.hasExited(other)) {
                entries.supersede(other);
            }
        }
    }

    private void close(int entry, Deferral reason) {
        Deferral verdict = reason;
        if (reason != Deferral.LOST_GIVEN_UP && entries.isSuperseded(entry)) {
            verdict = Deferral.LOST;
        } else if (reason != Deferral.LOST_GIVEN_UP && entries.hasExited(entry)) {
            verdict = Deferral.LOST_EXIT;
        }
        boolean unexplained = verdict == Deferral.LOST || verdict == Deferral.LOST_END_OF_DATA;
        if (unexplained && losses > entries.lossesBefore(entry)) {
            verdict = Deferral.LOST_OVERFLOW;
        }
        decideWaiting(entry, verdict, NO_CHAIN);
        if (entries.chain(entry) != NO_CHAIN && !entries.isClaimed(entry)) {
            counts.countRecords(0, 1, 0);
        }
        entries.remove(entry);
    }

    private void stitchWaiting(int entry, long chain) {
        if (entries.firstWaiting(entry) != NONE) {
            entries.claim(entry);
            decideWaiting(entry, Deferral.STITCHED, chain);
        }
    }

    private void decideWaiting(int entry, Deferral deferral, long chain) {
        for (int ticket = entries.firstWaiting(entry), next; ticket != NONE; ticket = next) {
            next = held.next(ticket);
            held.decide(ticket, deferral, chain);
        }
        entries.setWaiting(entry, NONE, NONE);
    }

    /** A sample that need not wait for itself, but perhaps for those before it. */
    private void decided(long sample, Deferral deferral, long chain) {
        if (!held.isEmpty()) {
            makeRoom();
        }
        if (held.isEmpty()) {
            emit(sample, deferral, chain);
        } else {
            held.decide(held.add(sample, NONE), deferral, chain);
        }
    }

    /** Sees to it that one more sample can be held: if the bound is reached, the oldest request is given up. */
    private void makeRoom() {
        if (held.size() == maxHeld) {
            // The first sample waits, or it would not be held any more; and it is the first of those that wait for its
            // entry.
            int ticket = held.first();
            int entry = held.entry(ticket);
            int next = held.next(ticket);
            entries.setWaiting(entry, next, next == NONE ? NONE : entries.lastWaiting(entry));
            held.decide(ticket, Deferral.LOST_GIVEN_UP, NO_CHAIN);
            release();
        }
    }

    /** Hands on every sample that nothing holds back any more. */
    private void release() {
        while (!held.isEmpty() && held.isDecided(held.first())) {
            int ticket = held.first();
            emit(held.sample(ticket), held.deferral(ticket), held.chain(ticket));
            held.removeFirst();
        }
    }

    private void emit(long sample, Deferral deferral, long chain) {
        counts.count(deferral);
        sink.sample(sample, deferral, chain);
    }
}
