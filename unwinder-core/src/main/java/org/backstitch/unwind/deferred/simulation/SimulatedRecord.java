package org.backstitch.unwind.deferred.simulation;

/**
 * A record as the simulated kernel writes it: the contents of one of {@code perf.data}'s.
 *
 * <p>Sizes are those of the real ABI, for {@code PERF_SAMPLE_IDENTIFIER | IP | TID | TIME | CPU | PERIOD | CALLCHAIN} with
 * {@code sample_id_all}.
 */
public sealed interface SimulatedRecord {
    /** Bytes of the identification that every record but a sample ends with: task, time, CPU, event. */
    int TRAILER = 32;

    /** When, where, and in which task it was written. */
    Origin origin();

    /** Bytes that it takes in the buffer. */
    int size();

    /**
     * Where a record comes from.
     *
     * @param time in nanoseconds
     * @param event the number of the event in whose name it is written
     */
    record Origin(long time, int cpu, int pid, int tid, int event) {}

    /**
     * A sample.
     *
     * @param number counts the samples of a run, from 0; not part of the record
     * @param ip where the CPU stood
     * @param kernelMode whether it was in the kernel
     * @param callchain as recorded, with its context markers
     * @param asks whether the user part is to come later
     * @param cookie names the entry; 0 where the protocol knows no cookies, or nothing is to come
     */
    record Sample(
            Origin origin, int number, long ip, boolean kernelMode, Addresses callchain, boolean asks, long cookie)
            implements SimulatedRecord {
        @Override
        public int size() {
            return 8 + 6 * 8 + 8 + 8 * callchain.size();
        }
    }

    /**
     * A late callchain: {@code PERF_RECORD_CALLCHAIN_DEFERRED}, or the {@code PERF_RECORD_CALLCHAIN} of 2017, which has no cookie.
     *
     * @param number counts the late records of a run, from 0; not part of the record
     */
    record Deferred(Origin origin, int number, boolean hasCookie, long cookie, Addresses callchain)
            implements SimulatedRecord {
        @Override
        public int size() {
            return 8 + (hasCookie ? 8 : 0) + 8 + 8 * callchain.size() + TRAILER;
        }
    }

    /** A task has a name; {@code exec} if it runs another program now. */
    record Comm(Origin origin, String name, boolean exec) implements SimulatedRecord {
        @Override
        public int size() {
            return 8 + 8 + (name.length() + 8) / 8 * 8 + TRAILER;
        }
    }

    /** The program file is mapped. */
    record Mmap(Origin origin, long start, long length, long fileOffset, String path) implements SimulatedRecord {
        @Override
        public int size() {
            return 8 + 8 + 3 * 8 + (path.length() + 8) / 8 * 8 + TRAILER;
        }
    }

    /** A task was made; the origin is the child's. */
    record Fork(Origin origin, int parentPid, int parentTid) implements SimulatedRecord {
        @Override
        public int size() {
            return 8 + 24 + TRAILER;
        }
    }

    /** A task has ended. */
    record Exit(Origin origin) implements SimulatedRecord {
        @Override
        public int size() {
            return 8 + 24 + TRAILER;
        }
    }

    /** Records were lost for want of room in the buffer. */
    record Lost(Origin origin, long count) implements SimulatedRecord {
        static final int SIZE = 8 + 16 + TRAILER;

        @Override
        public int size() {
            return SIZE;
        }
    }
}
