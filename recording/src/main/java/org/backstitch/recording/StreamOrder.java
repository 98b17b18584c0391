package org.backstitch.recording;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Locale;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfRecord;
import org.backstitch.perf.PerfStream;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordType;
import org.backstitch.perf.SampleCursor;
import org.backstitch.unwind.deferred.JoinPolicy;
import org.backstitch.unwind.deferred.StitchCounts;
import org.backstitch.unwind.deferred.Stitcher;
import org.jspecify.annotations.Nullable;

/**
 * Gives the samples of a stream in the order of time, batch by batch, each as soon as nothing can come before it; and applies all else to
 * the {@link SystemHistory} at its time.
 *
 * <p>Two things hold a sample back. The buffers that records come from are read in rounds: what is not later than the latest record of
 * the round before the one that has just ended can have nothing before it any more ({@link RecordType#FINISHED_ROUND}). And a sample
 * that asked for a late callchain waits for it in the {@link Stitcher}, and with it those behind it.
 *
 * <p><b>Memory.</b> {@value #BYTES_PER_RECORD} bytes for each record of two rounds, at most {@value #MAX_UNORDERED} records. A stream
 * with longer rounds, or none, is put in order only as far as that goes: its earlier half leaves, and records that come too late then
 * are counted ({@link Anomalies.Kind#OUT_OF_ORDER}). The stitcher has a bound of its own; what it lets go of at once takes
 * {@value FinishedSamples#BYTES} bytes a sample until it has left.
 */
final class StreamOrder implements SystemHistory.JoinEvents {
    /** Memory for each record whose place is not known yet, in bytes: half of it while they are sorted. */
    static final int BYTES_PER_RECORD = 32;

    /** How many of them may wait. */
    static final int MAX_UNORDERED = 1 << 22;

    /**
     * How long after its task's exit a late callchain may still come, in nanoseconds of the recording. The kernel writes it in {@code
     * do_exit}, right behind the record of the exit; 32 µs were seen.
     */
    private static final long AFTER_EXIT = 1_000_000_000;

    private static final int BATCH_BYTES = 4 << 20;
    private static final int BATCH_SAMPLES = 2048;

    /** Samples that leave together. */
    static final class Batch {
        private final long[] offsets;
        private final long[] late;

        Batch(long[] offsets, long[] late) {
            this.offsets = offsets;
            this.late = late;
        }

        int size() {
            return offsets.length;
        }

        /** Where the record of a sample is. */
        long offset(int index) {
            return offsets[index];
        }

        /** What {@link org.backstitch.unwind.deferred.DeferredIndex#find} would answer for it. */
        long late(int index) {
            return late[index];
        }
    }

    /** A task that has exited, and when. */
    private record Exit(int tid, long time) {}

    private final PerfStream stream;
    private final PerfFile file;
    private final ModuleFinder modules;
    private final SystemHistory history;
    private final boolean timed;
    private final boolean withTasks;
    private final boolean merges;
    private final SampleCursor sample;
    private final LateRequest request;
    private final Stitcher stitcher;
    private final FinishedSamples finished = new FinishedSamples(BATCH_SAMPLES, BATCH_BYTES);
    private final ArrayDeque<Exit> exits = new ArrayDeque<>();

    /** What came and has not been given its place: the first {@link #ready} are in order, and {@link #given} of those were given. */
    private final Timeline waiting = new Timeline();

    private int ready;
    private int given;

    /** The time of the record before, for those that have none. */
    private long clock;

    private long latest;
    private long latestBefore;
    private long givenUpTo;
    private boolean closing;
    private boolean ended;

    /**
     * @param maxHeld how many samples may wait for late callchains
     */
    StreamOrder(PerfStream stream, ModuleFinder modules, RecordingOptions options, int maxHeld) {
        this.stream = stream;
        this.file = stream.file();
        this.modules = modules;
        this.timed = RecordingIndex.isTimed(file);
        this.history = new SystemHistory(file, modules, options.join(), timed, this);
        this.withTasks = file.events().stream().allMatch(event -> LateRequest.tellsTask(event.attr()));
        this.merges = options.mergeDeferred();
        this.sample = file.samples();
        this.request = new LateRequest(file, options);
        boolean ordered = timed && withTasks || options.join() == JoinPolicy.RFC2017;
        this.stitcher = new Stitcher(
                options.join(),
                ordered,
                maxHeld,
                (offset, deferral, chain) -> finished.add(offset, recordSize(offset), deferral, chain));
    }

    /** What has happened so far. */
    SystemHistory history() {
        return history;
    }

    /** The account of the late records; complete at the end. */
    StitchCounts counts() {
        return stitcher.counts();
    }

    private int recordSize(long offset) {
        return file.bytes().u16(offset + 6);
    }

    /** The next samples, or null behind the last. */
    @Nullable
    Batch next(BatchRunner.Pause pause) throws IOException {
        while (true) {
            if (finished.hasBatch()) {
                return finished.take();
            }
            if (given < ready) {
                give(given++);
            } else if (closing && !ended) {
                stitcher.end();
                ended = true;
            } else if (ended) {
                return finished.isEmpty() ? null : finished.take();
            } else if (stream.isReady()) {
                read();
            } else if (!finished.isEmpty()) {
                return finished.take();
            } else {
                pause.begins();
                read();
            }
        }
    }

    private void read() throws IOException {
        if (!stream.next()) {
            order(-1);
            closing = true;
            return;
        }
        RecordCursor record = stream.record();
        int type = record.type();
        if (type == RecordType.FINISHED_ROUND) {
            if (timed) {
                order(latestBefore);
                latestBefore = latest;
            }
        } else if (type == RecordType.HEADER_BUILD_ID) {
            learnBuildId(record.offset());
        } else if (type == RecordType.HEADER_ATTR && latest != 0) {
            anomaly(record.offset(), "an event that is described behind the first samples");
        } else if (RecordType.COMPRESSED == type || RecordType.COMPRESSED2 == type) {
            anomaly(record.offset(), "compressed records behind others");
        } else if (type == RecordType.LOST_SAMPLES) {
            history.apply(record.offset(), clock); // A count, in which order means nothing; perf sums it up at the end.
        } else if (record.isSample() || SystemHistory.matters(type)) {
            add(record);
        }
    }

    private void learnBuildId(long offset) {
        try {
            if (file.record(offset) instanceof PerfRecord.BuildId(PerfRecord.Header _, var entry)) {
                modules.learn(entry);
            }
        } catch (MalformedInputException e) {
            file.anomalies().add(Anomalies.Kind.BAD_RECORD, e.offset(), e.reason());
        }
    }

    private void anomaly(long offset, String reason) {
        file.anomalies().add(Anomalies.Kind.OUT_OF_ORDER, offset, reason);
    }

    private void add(RecordCursor record) {
        long own = timed ? record.time() : record.offset();
        // What has no time of its own happened when the record before it did.
        long time = timed && own == -1 && !record.isSample() ? clock : own;
        clock = time;
        if (Long.compareUnsigned(time, givenUpTo) < 0) {
            anomaly(
                    record.offset(),
                    String.format(Locale.ROOT, "a record of time %d behind those of %d", time, givenUpTo));
            if (!record.isSample()) {
                time = givenUpTo;
            }
        }
        if (time != -1) { // A sample too short for its time waits for the end.
            latest = Long.compareUnsigned(time, latest) > 0 ? time : latest;
        }
        waiting.add(time, record.offset());
        if (!timed) {
            order(time);
        } else if (waiting.size() - given == MAX_UNORDERED) {
            orderEarlierHalf();
        }
    }

    /** Nothing that is still to come happened before {@code horizon}. */
    private void order(long horizon) {
        waiting.removeFirst(given);
        given = 0;
        waiting.sort();
        ready = waiting.countUpTo(horizon);
    }

    private void orderEarlierHalf() {
        order(0);
        ready = waiting.size() / 2;
    }

    private void give(int index) {
        long time = waiting.time(index);
        long offset = waiting.offset(index);
        givenUpTo = Long.compareUnsigned(time, givenUpTo) > 0 ? time : givenUpTo;
        while (!exits.isEmpty() && time - exits.getFirst().time > AFTER_EXIT) {
            stitcher.gone(exits.removeFirst().tid);
        }
        int type = file.bytes().i32(offset);
        if (type != RecordType.SAMPLE) {
            if (type == RecordType.CALLCHAIN_DEFERRED && !merges) {
                finished.add(offset, recordSize(offset));
            }
            history.apply(offset, time);
        } else if (!merges) {
            finished.add(offset, recordSize(offset));
        } else if (sample.moveTo(offset) && request.read(sample)) {
            stitcher.request(offset, sample.pid(), withTasks ? sample.tid() : -1, request.name());
        } else {
            stitcher.sample(offset);
        }
    }

    @Override
    public void record(int pid, int tid, long name, long time, long offset) {
        stitcher.record(pid, withTasks ? tid : -1, name, offset);
    }

    @Override
    public void exec(int pid, long time, long offset) {
        stitcher.exec(pid);
    }

    @Override
    public void exit(int tid, long time, long offset) {
        stitcher.exit(tid, false);
        if (timed && stitcher.awaitsExited(tid)) {
            exits.add(new Exit(tid, time));
        }
    }

    @Override
    public void fork(int tid, long time, long offset) {
        stitcher.fork(tid);
    }

    @Override
    public void lost(long time) {
        stitcher.recordsLost();
    }
}
