package org.backstitch.recording;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordType;

/**
 * A pass over the records of a recording, or of a stretch of it: where those that are no samples are and when they happened, and how
 * early the samples are. Of samples only the time is read.
 *
 * <p>Stretches that follow each other can be passed over by different threads, and {@linkplain #append joined} then.
 */
final class RecordScan {
    private final PerfFile file;
    private final boolean timed;
    private final Timeline sideBand = new Timeline();
    private final Timeline chunks = new Timeline();
    private final Anomalies anomalies = new Anomalies();
    private final long chunkBytes;
    private long samples;
    private long reached;

    /** The time of the record before: what has no time of its own happened then. */
    private long clock;

    /** How many records of the side band come before any that has a time. */
    private int clockless;

    private boolean isClockSet;

    /**
     * A pass that has not begun.
     *
     * @param timed whether the recording's times count, or its offsets
     * @param chunkBytes of how many bytes of records together the earliest sample is to be known
     */
    RecordScan(PerfFile file, boolean timed, long chunkBytes) {
        this.file = file;
        this.timed = timed;
        this.chunkBytes = chunkBytes;
    }

    /**
     * Passes over all records, in several threads.
     *
     * @param parts how many threads, each for a part of the recording
     */
    static RecordScan inParts(PerfFile file, boolean timed, long chunkBytes, int parts) {
        long start = file.recordsStart();
        long end = file.recordsEnd();
        RecordScan all = new RecordScan(file, timed, chunkBytes);
        if (parts == 1) {
            all.pass(start, end);
            return all;
        }
        long[] starts = new long[parts + 1];
        starts[parts] = end;
        List<CompletableFuture<RecordScan>> others = new ArrayList<>();
        try (ExecutorService helpers = Executors.newFixedThreadPool(parts - 1)) {
            for (int part = 1; part < parts; part++) {
                starts[part] = file.likelyRecord(start + (end - start) / parts * part);
            }
            for (int part = 1; part < parts; part++) {
                long from = starts[part];
                long until = starts[part + 1];
                Supplier<RecordScan> pass = () -> {
                    RecordScan scan = new RecordScan(file, timed, chunkBytes);
                    scan.pass(from, until);
                    return scan;
                };
                others.add(CompletableFuture.supplyAsync(pass, helpers));
            }
            all.pass(start, starts[1]);
            for (int part = 1; part < parts; part++) {
                // Where a part starts was a guess: it was right if all before it leads there.
                if (all.reached() == starts[part]) {
                    all.append(join(others.get(part - 1)));
                } else {
                    all.pass(all.reached(), starts[part + 1]);
                }
            }
        }
        return all;
    }

    private static RecordScan join(CompletableFuture<RecordScan> scan) {
        try {
            return scan.join();
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case RuntimeException failure -> throw failure;
                case Error error -> throw error;
                case null, default -> throw e;
            }
        }
    }

    /**
     * Passes over the records of a stretch.
     *
     * @param from where a record starts
     * @param until where no further record is taken: those before it, and if damage leads beyond it the one behind that, are
     */
    void pass(long from, long until) {
        RecordCursor records = file.records(anomalies);
        records.moveBefore(from);
        long chunkStart = from;
        long earliest = -1;
        while (records.nextOffset() < until && records.next()) {
            long offset = records.offset();
            if (offset - chunkStart >= chunkBytes) {
                chunks.add(earliest, chunkStart);
                chunkStart = offset;
                earliest = -1;
            }
            long time = timed ? records.time() : offset;
            boolean isSample = records.isSample();
            if ((isSample || records.type() == RecordType.CALLCHAIN_DEFERRED)
                    && Long.compareUnsigned(time, earliest) < 0) {
                earliest = time;
            }
            if (isSample) {
                samples++;
                setClock(time);
            } else if (SystemHistory.matters(records.type())) {
                addToSideBand(time, offset);
            }
        }
        reached = records.nextOffset();
        if (reached > from || chunks.size() == 0) {
            chunks.add(earliest, chunkStart);
        }
    }

    private void setClock(long time) {
        clock = time;
        isClockSet = true;
    }

    private void addToSideBand(long time, long offset) {
        if (!timed || time != -1) {
            setClock(time);
        } else if (!isClockSet) {
            clockless++;
        }
        sideBand.add(clock, offset);
    }

    /** Adds what a pass over the stretch behind has found. */
    void append(RecordScan next) {
        for (int i = 0; i < next.sideBand.size(); i++) {
            sideBand.add(i < next.clockless ? clock : next.sideBand.time(i), next.sideBand.offset(i));
        }
        for (int i = 0; i < next.chunks.size() && next.reached > next.chunks.offset(0); i++) {
            chunks.add(next.chunks.time(i), next.chunks.offset(i));
        }
        clockless += isClockSet ? 0 : next.clockless;
        if (next.isClockSet) {
            setClock(next.clock);
        }
        samples += next.samples;
        reached = next.reached;
        anomalies.addAll(next.anomalies);
    }

    /** Where what was passed over ends: at a record, at damage, or at the end of all. */
    long reached() {
        return reached;
    }

    /** The records that are no samples and matter to a {@link SystemHistory}, as they stand in the file. */
    Timeline sideBand() {
        return sideBand;
    }

    /** The places at which chunks start, at least one, each with the time of its earliest sample: -1 where it has none. */
    Timeline chunks() {
        return chunks;
    }

    /** How many samples there are. */
    long samples() {
        return samples;
    }

    /** The damage that was met. */
    Anomalies anomalies() {
        return anomalies;
    }
}
