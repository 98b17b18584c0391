package org.backstitch.recording;

import org.backstitch.perf.PerfFile;
import org.backstitch.perf.SampleCursor;
import org.backstitch.perf.SampleType;
import org.backstitch.unwind.deferred.DeferredIndex;
import org.backstitch.unwind.deferred.JoinPolicy;

/**
 * What the first pass over a recording learns: what happened to its processes, where its late callchains are, and how far its samples
 * are out of order.
 *
 * <p>Samples are located and not decoded: of each the time is read, and of every {@value #CHUNK_BYTES} bytes of records the earliest
 * one is kept, which is all that the second pass needs to give samples away in the order of time as early as that is safe.
 *
 * <p>Immutable once made; safe for any number of threads.
 */
final class RecordingIndex {
    static final long CHUNK_BYTES = 1 << 20;

    /** How many bytes of records are worth a thread of their own. */
    private static final long PART_BYTES = 32 << 20;

    private final PerfFile file;
    private final SystemHistory history;
    private final DeferredIndex deferred;
    private final boolean timed;
    private final Timeline chunks;
    private final long[] horizons;
    private final long samples;

    /**
     * Passes over a recording.
     *
     * @param threads how many may be used
     */
    RecordingIndex(PerfFile file, ModuleFinder modules, JoinPolicy join, int threads) {
        this.file = file;
        timed = isTimed(file);
        long bytes = file.recordsEnd() - file.recordsStart();
        int parts = Math.clamp(bytes / PART_BYTES, 1, threads);
        RecordScan scan = RecordScan.inParts(file, timed, CHUNK_BYTES, parts);
        file.anomalies().addAll(scan.anomalies());
        chunks = scan.chunks();
        horizons = horizons(chunks);
        samples = scan.samples();
        Timeline sideBand = scan.sideBand();
        sideBand.sort();
        DeferredIndex.Builder late = new DeferredIndex.Builder();
        history = new SystemHistory(file, modules, join, timed, new Collector(late));
        for (int i = 0; i < sideBand.size(); i++) {
            history.apply(sideBand.offset(i), sideBand.time(i));
        }
        history.complete();
        deferred = late.build(timed, join);
    }

    /** Whether all events record times. */
    static boolean isTimed(PerfFile file) {
        return file.events().stream().allMatch(event -> (event.attr().sampleType() & SampleType.TIME) != 0);
    }

    private record Collector(DeferredIndex.Builder late) implements SystemHistory.JoinEvents {
        @Override
        public void record(int pid, int tid, long name, long time, long offset) {
            late.record(pid, tid, name, time, offset);
        }

        @Override
        public void exec(int pid, long time, long offset) {
            late.exec(pid, time, offset);
        }

        @Override
        public void exit(int tid, long time, long offset) {
            late.exit(tid, time, offset);
        }

        @Override
        public void fork(int tid, long time, long offset) {
            late.fork(tid, time, offset);
        }

        @Override
        public void lost(long time) {
            late.lost(0, time);
        }
    }

    private static long[] horizons(Timeline chunks) {
        long[] horizons = new long[chunks.size() + 1];
        horizons[chunks.size()] = -1;
        for (int i = chunks.size() - 1; i >= 0; i--) {
            horizons[i] = Long.compareUnsigned(chunks.time(i), horizons[i + 1]) < 0 ? chunks.time(i) : horizons[i + 1];
        }
        return horizons;
    }

    /** What happened to processes, threads and kernel. */
    SystemHistory history() {
        return history;
    }

    /** A number that changes whenever a mapping of a process does. */
    long spaceVersion(int pid, long time, long offset) {
        return history.spaceVersion(pid, time, offset);
    }

    /** What {@link DeferredIndex#find} says of the late callchain that a sample asks for. */
    long lateRecord(SampleCursor sample, LateRequest request) {
        long time = timed ? sample.time() : 0;
        return deferred.find(sample.pid(), sample.tid(), request.name(), time, sample.offset());
    }

    /** The late callchains. */
    DeferredIndex deferred() {
        return deferred;
    }

    /** Whether all events record times. If not, records happen in the order of the file, and a record's offset stands for its time. */
    boolean isTimed() {
        return timed;
    }

    /** How many samples there are. */
    long samples() {
        return samples;
    }

    /** How many chunks the records fall into. */
    int chunkCount() {
        return chunks.size();
    }

    /** Where a chunk starts in the file. */
    long chunkStart(int chunk) {
        return chunk == chunks.size() ? file.recordsEnd() : chunks.offset(chunk);
    }

    /** The earliest time of any sample in a chunk or behind it; -1, the latest of all, behind the last. */
    long horizon(int chunk) {
        return horizons[chunk];
    }
}
