package org.backstitch.unwind.deferred;

import java.util.Arrays;

/**
 * Every late callchain of a recording, so that each sample finds its own at once, wherever in the file it stands.
 *
 * <p>The face for files. A {@link Stitcher} must hold every sample back that comes after one whose record is still to come; a task
 * may sleep for minutes. Whoever has the file passes over its records anyway, to sort them and to learn what was mapped where; this
 * index takes {@value #BYTES_PER_RECORD} bytes for each late record on that pass and no sample waits after it.
 *
 * <p>A request is known by its task and its cookie. In a recording with times a task's records are sorted by time, and a sample looks
 * for its cookie only among the {@value #NEIGHBOURS} records of its task before it and as many after it: entries of a task follow
 * each other, so that a cookie found further away names another entry (the kernel's counter wraps after 2<sup>31</sup> entries of a
 * CPU). More than one neighbour is looked at only for clocks that disagree between CPUs. (What it cannot tell apart is a cookie that
 * returns when every record of its task in between was lost.) Without times, or without task ids, order
 * means nothing between buffers, and the first record of the same task and cookie counts.
 *
 * <p>An exec between a sample and its record parts them: the record describes the new program's stack.
 *
 * <p>Immutable but for the marks of who was claimed, and safe for use by many threads.
 */
public final class DeferredIndex {
    /** Memory that the index takes for each late record, in bytes. */
    public static final int BYTES_PER_RECORD = 33;

    /** A task or process id that the recording does not hold. */
    public static final int UNKNOWN_ID = -1;

    static final int NEIGHBOURS = 2;

    private final JoinPolicy policy;
    private final boolean ordered;
    private final boolean byTask;
    private final Points records;
    private final Points execs;
    private final Points exits;
    private final Points forks;
    private final Intervals losses;
    private final long duplicate;
    private final long total;

    /** A byte and not a bit for each record: threads set them without any locking, and never each other's. */
    private final byte[] claimed;

    private DeferredIndex(Builder builder, boolean timed, JoinPolicy policy) {
        this.policy = policy;
        this.byTask = !builder.recordWithoutTask;
        this.ordered = timed && byTask;
        this.execs = builder.execs;
        this.exits = builder.exits;
        execs.sort(Order.TIME, timed);
        exits.sort(Order.TIME, timed);
        this.forks = builder.forks;
        forks.sort(Order.TIME, timed);
        this.losses = builder.losses;
        losses.merge();
        this.total = builder.records.size();
        this.records = builder.records;
        records.sort(policy == JoinPolicy.RFC2017 ? Order.VALUE_AND_TIME : ordered ? Order.TIME : Order.VALUE, timed);
        this.duplicate = policy == JoinPolicy.COOKIE ? dropDuplicates() : 0;
        this.claimed = new byte[records.size()];
    }

    /**
     * The late callchain of a sample that asked for one.
     *
     * @param pid the sample's process, or {@link #UNKNOWN_ID}
     * @param tid the sample's task, or {@link #UNKNOWN_ID}
     * @param cookie what the request was named; under {@link JoinPolicy#RFC2017} the event's identity
     * @param time the sample's time; 0 where the recording holds none
     * @param offset the sample's place in the file, which orders things of equal time
     * @return the offset of the record as it was {@linkplain Builder#record given}, or a negative number from which
     *     {@link #deferral} tells why there is none
     */
    public long find(int pid, int tid, long cookie, long time, long offset) {
        int task = byTask ? tid : UNKNOWN_ID;
        int found = switch (policy) {
            case COOKIE -> ordered ? findNear(task, cookie, time, offset) : records.firstOf(task, cookie);
            case RFC2017 -> findNext(task, cookie, time, offset);
        };
        if (found < 0) {
            return -1L - whyLost(pid, tid, time, offset).code();
        }
        if (execs.anyBetween(pid, time, offset, records.time(found), records.offset(found))) {
            return -1L - Deferral.LOST_EXEC.code();
        }
        claimed[found] = 1;
        return records.offset(found);
    }

    /** What an answer of {@link #find} means: {@link Deferral#STITCHED} for an offset, else why there is none. */
    public static Deferral deferral(long found) {
        return found >= 0 ? Deferral.STITCHED : Deferral.of((int) (-1 - found));
    }

    /** What {@link #find} would answer: the handle of a stitched callchain, or a negative number that says why there is none. */
    public static long answer(Deferral deferral, long chain) {
        return deferral == Deferral.STITCHED ? chain : -1L - deferral.code();
    }

    /** How many distinct late records there are. */
    public int size() {
        return records.size();
    }

    /** Adds the account of the late records; to be asked when every sample has been looked up, and those lookups can be seen. */
    public void countRecords(StitchCounts counts) {
        long unclaimed = 0;
        for (byte mark : claimed) {
            unclaimed += 1 - mark;
        }
        counts.countRecords(total, unclaimed, duplicate);
    }

    /** The offsets of the records that no sample was given so far, in ascending order. Duplicates are not among them. */
    public long[] unclaimed() {
        long[] offsets = new long[claimed.length];
        int count = 0;
        for (int i = 0; i < claimed.length; i++) {
            if (claimed[i] == 0) {
                offsets[count++] = records.offset(i);
            }
        }
        Arrays.sort(offsets, 0, count);
        return Arrays.copyOf(offsets, count);
    }

    private int findNear(int tid, long cookie, long time, long offset) {
        int after = records.firstAfter(tid, time, offset);
        for (int distance = 0; distance < NEIGHBOURS; distance++) {
            int before = after - 1 - distance;
            if (records.is(before, tid, cookie)) {
                return before;
            }
            if (records.is(after + distance, tid, cookie)) {
                return after + distance;
            }
        }
        return -1;
    }

    private int findNext(int tid, long event, long time, long offset) {
        int next = records.firstAfterOf(tid, event, time, offset);
        return records.is(next, tid, event) ? next : -1;
    }

    private Deferral whyLost(int pid, int tid, long time, long offset) {
        // The request was open until the task's next record shows that it went on to another entry.
        boolean showsEntries = ordered && policy == JoinPolicy.COOKIE;
        int next = showsEntries ? records.firstAfter(tid, time, offset) : records.size();
        boolean open = next == records.size() || records.id(next) != tid;
        long endTime = open ? Long.MAX_VALUE : records.time(next);
        long endOffset = open ? Long.MAX_VALUE : records.offset(next);
        int exec = execs.firstAfter(pid, time, offset);
        boolean execed = execs.isBefore(exec, pid, endTime, endOffset);
        if (open && hasExited(tid, time, offset)) {
            return Deferral.LOST_EXIT;
        }
        int exit = exits.firstAfter(tid, time, offset);
        boolean exited = exits.isBefore(exit, tid, endTime, endOffset);
        if (exited
                && !(execed
                        && Points.compare(execs.time(exec), execs.offset(exec), exits.time(exit), exits.offset(exit))
                                < 0)) {
            return Deferral.LOST_EXIT;
        }
        if (execed) {
            return Deferral.LOST_EXEC;
        }
        if (losses.overlaps(time, endTime)) {
            return Deferral.LOST_OVERFLOW;
        }
        return open ? Deferral.LOST_END_OF_DATA : Deferral.LOST;
    }

    /** Whether a task had ended by then, and no other has begun with its id. */
    private boolean hasExited(int tid, long time, long offset) {
        int exit = exits.firstAfter(tid, time, offset) - 1;
        return exit >= 0
                && exits.id(exit) == tid
                && !forks.anyBetween(tid, exits.time(exit), exits.offset(exit), time, offset);
    }

    private long dropDuplicates() {
        int kept = 0;
        int size = records.size();
        for (int i = 0; i < size; i++) {
            boolean repeats = kept > 0
                    && records.is(kept - 1, records.id(i), records.value(i))
                    && !(ordered
                            && execs.anyBetween(
                                    records.process(i),
                                    records.time(kept - 1),
                                    records.offset(kept - 1),
                                    records.time(i),
                                    records.offset(i)));
            if (!repeats) {
                records.move(i, kept++);
            }
        }
        records.truncate(kept);
        return (long) size - kept;
    }

    /** Collects what an index is made of, in any order. Not thread-safe. */
    public static final class Builder {
        private final Points records = new Points();
        private final Points execs = new Points();
        private final Points exits = new Points();
        private final Points forks = new Points();
        private final Intervals losses = new Intervals();
        private boolean recordWithoutTask;

        /** A builder that nothing was given to. */
        public Builder() {}

        /**
         * A late record.
         *
         * @param pid its process, or {@link #UNKNOWN_ID}
         * @param tid its task, or {@link #UNKNOWN_ID}; if that is missing in one record, tasks are ignored in all: a cookie alone is
         *     unique in a system until its counter wraps
         * @param time its time; 0 where the recording holds none
         * @param offset its place in the file, not negative: what {@link #find} answers
         */
        public Builder record(int pid, int tid, long cookie, long time, long offset) {
            if (offset < 0) {
                throw new IllegalArgumentException("a negative offset: " + offset);
            }
            if (tid == UNKNOWN_ID && !recordWithoutTask) {
                recordWithoutTask = true;
                records.forgetIds(UNKNOWN_ID);
            }
            records.add(recordWithoutTask ? UNKNOWN_ID : tid, pid, cookie, time, offset);
            return this;
        }

        /** An exec: process {@code pid} runs another program from here on. */
        public Builder exec(int pid, long time, long offset) {
            execs.add(pid, pid, 0, time, offset);
            return this;
        }

        /** The end of a task. */
        public Builder exit(int tid, long time, long offset) {
            exits.add(tid, tid, 0, time, offset);
            return this;
        }

        /** The beginning of a task, perhaps with the id of one that has ended. */
        public Builder fork(int tid, long time, long offset) {
            forks.add(tid, tid, 0, time, offset);
            return this;
        }

        /**
         * Records were lost, some time between the two times, both included: a record that says so is written when there is room
         * again, so the loss lies between the record before it in the same buffer and itself.
         */
        public Builder lost(long fromTime, long toTime) {
            losses.add(fromTime, toTime);
            return this;
        }

        /**
         * The index of all that was given, for a kernel of today; the builder must not be used any more.
         *
         * @param timed whether the recording holds times; if not, {@code offset} alone orders what one task did
         */
        public DeferredIndex build(boolean timed) {
            return build(timed, JoinPolicy.COOKIE);
        }

        /**
         * The same, by another join. Under {@link JoinPolicy#RFC2017} a sample is given the first record of its task and event behind
         * it.
         */
        public DeferredIndex build(boolean timed, JoinPolicy policy) {
            return new DeferredIndex(this, timed, policy);
        }
    }

    /** What points of one id are sorted by; where they stand in the file comes last. */
    private enum Order {
        TIME,
        VALUE,
        VALUE_AND_TIME
    }

    /** Points in a recording, each of a task or process: parallel arrays, sorted when all are there. */
    private static final class Points {
        private int size;
        private int[] ids = new int[16];
        private int[] processes = new int[16];
        private long[] values = new long[16];
        private long[] times = new long[16];
        private long[] offsets = new long[16];

        void add(int id, int process, long value, long time, long offset) {
            if (size == ids.length) {
                resize(Math.addExact(size, Math.max(size >> 1, 16)));
            }
            ids[size] = id;
            processes[size] = process;
            values[size] = value;
            times[size] = time;
            offsets[size] = offset;
            size++;
        }

        private void resize(int length) {
            ids = Arrays.copyOf(ids, length);
            processes = Arrays.copyOf(processes, length);
            values = Arrays.copyOf(values, length);
            times = Arrays.copyOf(times, length);
            offsets = Arrays.copyOf(offsets, length);
        }

        void forgetIds(int unknown) {
            Arrays.fill(ids, 0, size, unknown);
        }

        void move(int from, int to) {
            ids[to] = ids[from];
            processes[to] = processes[from];
            values[to] = values[from];
            times[to] = times[from];
            offsets[to] = offsets[from];
        }

        void truncate(int length) {
            size = length;
            resize(length);
        }

        int size() {
            return size;
        }

        int id(int index) {
            return ids[index];
        }

        int process(int index) {
            return processes[index];
        }

        long value(int index) {
            return values[index];
        }

        long time(int index) {
            return times[index];
        }

        long offset(int index) {
            return offsets[index];
        }

        boolean is(int index, int id, long value) {
            return index >= 0 && index < size && ids[index] == id && values[index] == value;
        }

        /** Whether the point at {@code index} is one of {@code id} and lies before the time and offset. */
        boolean isBefore(int index, int id, long time, long offset) {
            return index < size && ids[index] == id && compare(times[index], offsets[index], time, offset) < 0;
        }

        static int compare(long time, long offset, long otherTime, long otherOffset) {
            int order = Long.compareUnsigned(time, otherTime);
            return order != 0 ? order : Long.compare(offset, otherOffset);
        }

        /** The first point, in the order of ids, times and offsets, that lies after the given one. */
        int firstAfter(int id, long time, long offset) {
            int low = 0;
            int high = size;
            while (low < high) {
                int middle = (low + high) >>> 1;
                int order = Integer.compare(ids[middle], id);
                if (order == 0) {
                    order = compare(times[middle], offsets[middle], time, offset);
                }
                if (order <= 0) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low;
        }

        /** The first point of the id and value, in the order of ids, values and offsets; -1 if there is none. */
        int firstOf(int id, long value) {
            int low = 0;
            int high = size;
            while (low < high) {
                int middle = (low + high) >>> 1;
                int order = Integer.compare(ids[middle], id);
                if (order == 0) {
                    order = Long.compareUnsigned(values[middle], value);
                }
                if (order < 0) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return is(low, id, value) ? low : -1;
        }

        /** Whether a point of the id lies between two others, whichever of them comes first. */
        boolean anyBetween(int id, long time, long offset, long otherTime, long otherOffset) {
            boolean forward = compare(time, offset, otherTime, otherOffset) <= 0;
            int first = forward ? firstAfter(id, time, offset) : firstAfter(id, otherTime, otherOffset);
            return forward ? isBefore(first, id, otherTime, otherOffset) : isBefore(first, id, time, offset);
        }

        /** The first point that lies after the given one, in the order of ids, values, times and offsets. */
        int firstAfterOf(int id, long value, long time, long offset) {
            int low = 0;
            int high = size;
            while (low < high) {
                int middle = (low + high) >>> 1;
                int order = Integer.compare(ids[middle], id);
                if (order == 0) {
                    order = Long.compareUnsigned(values[middle], value);
                }
                if (order == 0) {
                    order = compare(times[middle], offsets[middle], time, offset);
                }
                if (order <= 0) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low;
        }

        /**
         * Sorts by id, then as said.
         *
         * @param timed whether times count; if not, they are all set to zero
         */
        void sort(Order by, boolean timed) {
            if (!timed) {
                Arrays.fill(times, 0, size, 0);
            }
            int[] order = new int[size];
            for (int i = 0; i < size; i++) {
                order[i] = i;
            }
            order = mergeSorted(order, by);
            ids = pick(ids, order);
            processes = pick(processes, order);
            values = pick(values, order);
            times = pick(times, order);
            offsets = pick(offsets, order);
        }

        private int compare(int a, int b, Order by) {
            int order = Integer.compare(ids[a], ids[b]);
            if (order == 0 && by != Order.TIME) {
                order = Long.compareUnsigned(values[a], values[b]);
            }
            if (order == 0 && by != Order.VALUE) {
                order = Long.compareUnsigned(times[a], times[b]);
            }
            return order == 0 ? Long.compare(offsets[a], offsets[b]) : order;
        }

        private int[] mergeSorted(int[] order, Order by) {
            int[] from = order;
            int[] to = new int[size];
            for (long width = 1; width < size; width *= 2) {
                for (long start = 0; start < size; start += 2 * width) {
                    int middle = (int) Math.min(start + width, size);
                    int end = (int) Math.min(start + 2 * width, size);
                    int left = (int) start;
                    int right = middle;
                    for (int i = left; i < end; i++) {
                        boolean takeLeft = right == end || (left < middle && compare(from[left], from[right], by) <= 0);
                        to[i] = takeLeft ? from[left++] : from[right++];
                    }
                }
                int[] swap = from;
                from = to;
                to = swap;
            }
            return from;
        }

        private static int[] pick(int[] values, int[] order) {
            int[] picked = new int[order.length];
            for (int i = 0; i < order.length; i++) {
                picked[i] = values[order[i]];
            }
            return picked;
        }

        private static long[] pick(long[] values, int[] order) {
            long[] picked = new long[order.length];
            for (int i = 0; i < order.length; i++) {
                picked[i] = values[order[i]];
            }
            return picked;
        }
    }

    /** Stretches of time, merged into disjoint ones. */
    private static final class Intervals {
        private int size;
        private long[] from = new long[4];
        private long[] to = new long[4];

        void add(long start, long end) {
            if (size == from.length) {
                from = Arrays.copyOf(from, 2 * size);
                to = Arrays.copyOf(to, 2 * size);
            }
            from[size] = start;
            to[size] = Math.max(start, end);
            size++;
        }

        void merge() {
            // Starts and ends may be sorted apart from each other: a gap is where as many have ended as have started.
            Arrays.sort(from, 0, size);
            Arrays.sort(to, 0, size);
            int merged = 0;
            for (int start = 0, i = 0; i < size; i++) {
                if (i + 1 == size || to[i] < from[i + 1]) {
                    from[merged] = from[start];
                    to[merged] = to[i];
                    merged++;
                    start = i + 1;
                }
            }
            size = merged;
        }

        boolean overlaps(long start, long end) {
            int low = 0;
            int high = size;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (to[middle] < start) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low < size && from[low] <= end;
        }
    }
}
