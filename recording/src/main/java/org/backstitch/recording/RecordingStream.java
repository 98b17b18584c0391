package org.backstitch.recording;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfStream;
import org.backstitch.perf.SampleCursor;
import org.backstitch.symbols.Demangler;
import org.backstitch.unwind.deferred.Stitcher;
import org.jspecify.annotations.Nullable;

/**
 * A recording that comes through a pipe: its samples come out with complete callchains in the order of time, while it is being made.
 *
 * <p>Each sample leaves as soon as nothing can come before it, with what is known by then: the mappings and names of earlier moments,
 * and the late callchain that it asked for, for which it waits. What comes out is what a {@link Recording} of the same records gives,
 * but for the reason why a late callchain is lost: what a later record would tell is not known yet.
 *
 * <p>Memory is bounded as {@link StreamOrder} and {@link Stitcher} say, but for some bytes for each record that is not a sample; the
 * records themselves lie in a temporary file.
 */
public final class RecordingStream implements RecordingAccount, AutoCloseable {
    private final PerfStream stream;
    private final PerfFile file;
    private final Arena arena;
    private final RecordingOptions options;
    private final ModuleFinder modules;
    private final StreamOrder order;
    private final RecordingSummary summary = new RecordingSummary();

    private RecordingStream(PerfStream stream, RecordingOptions options, int maxWaiting, Arena arena) {
        this.stream = stream;
        this.file = stream.file();
        this.arena = arena;
        this.options = options;
        this.modules = new ModuleFinder(options, arena, file);
        this.order = new StreamOrder(stream, modules, options, maxWaiting);
    }

    /**
     * The samples of a stream; closing this closes it.
     *
     * @param maxWaiting how many samples may wait for late callchains: 1 to 2<sup>30</sup>. Where more would have to, the oldest request
     *     is given up, which is counted. {@link Stitcher#DEFAULT_MAX_HELD} is a good choice
     */
    @SuppressWarnings("MustBeClosedChecker") // close() closes the arena; the constructor throws nothing but defects.
    public static RecordingStream of(PerfStream stream, RecordingOptions options, int maxWaiting) {
        return new RecordingStream(stream, options, maxWaiting, Arena.ofShared());
    }

    /**
     * Resolves all samples, batch by batch, until the stream ends: as {@link Recording#process} does, which see. Can be called once.
     *
     * @param results is told before the stream is waited for
     */
    public <R> void process(Supplier<BatchWorker<R>> workers, Recording.ResultConsumer<R> results) throws IOException {
        StreamOrder.Batch first = order.next(results::waiting);
        // By now it is known where the kernel was, which its symbols depend on.
        SymbolStore symbols =
                new SymbolStore(options, arena, modules.files(), order.history().kernel(), Demangler.create());
        List<Crew<R>> crews = new ArrayList<>();
        for (int i = 0; i < options.threads(); i++) {
            crews.add(new Crew<>(this, symbols, workers.get()));
        }
        new BatchRunner<>(new Source(order, first), StreamOrder.Batch::size, results, _ -> {}).run(crews);
        for (Crew<R> crew : crews) {
            summary.add(crew.summary);
            file.anomalies().addAll(crew.resolver.anomalies());
        }
        summary.stitches().addRecords(order.counts());
    }

    /** The first batch, and then the others. */
    private static final class Source implements BatchRunner.Source<StreamOrder.Batch> {
        private final StreamOrder order;
        private StreamOrder.@Nullable Batch first;

        Source(StreamOrder order, StreamOrder.@Nullable Batch first) {
            this.order = order;
            this.first = first;
        }

        @Override
        public StreamOrder.@Nullable Batch next(BatchRunner.Pause pause) throws IOException {
            StreamOrder.Batch batch = first;
            first = null;
            return batch == null ? order.next(pause) : batch;
        }
    }

    /** A resolver and the worker that takes what it resolves; in one thread at a time. */
    private static final class Crew<R>
            implements BatchRunner.Worker<StreamOrder.Batch, R>, SampleResolver.LateCallchains {
        private final SampleResolver resolver;
        private final BatchWorker<R> worker;
        private final RecordingSummary summary = new RecordingSummary();
        private long late;

        Crew(RecordingStream of, SymbolStore symbols, BatchWorker<R> worker) {
            this.resolver = new SampleResolver(of.file, of.order.history(), this, of.options, symbols);
            this.worker = worker;
        }

        /** What the order found before. */
        @Override
        public long find(SampleCursor sample, LateRequest request) {
            return late;
        }

        @Override
        public R work(StreamOrder.Batch batch) throws IOException {
            resolver.beginBatch();
            RecordingSummary counts = new RecordingSummary();
            for (int i = 0; i < batch.size(); i++) {
                late = batch.late(i);
                ResolvedSample sample = resolver.resolve(batch.offset(i));
                if (sample != null) {
                    resolver.count(sample, counts);
                    worker.sample(sample);
                }
            }
            summary.add(counts);
            return worker.finishBatch();
        }
    }

    /** {@inheritDoc} Complete when {@link #process} has returned. */
    @Override
    public RecordingSummary summary() {
        return summary;
    }

    @Override
    public Anomalies anomalies() {
        return file.anomalies();
    }

    @Override
    public long lostRecords() {
        return order.history().lostRecords();
    }

    @Override
    public Set<String> missingFiles() {
        return modules.missing();
    }

    @Override
    public Map<String, String> unusableFiles() {
        return modules.unusable();
    }

    /** Unmaps the recording and all files that were opened for it. */
    @Override
    public void close() throws IOException {
        arena.close();
        stream.close();
    }
}
