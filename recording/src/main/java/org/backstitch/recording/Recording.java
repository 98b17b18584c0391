package org.backstitch.recording;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.backstitch.elf.ElfFile;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.symbols.Demangler;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.jspecify.annotations.Nullable;

/**
 * A perf.data recording whose samples come out with complete callchains, in the order of time.
 *
 * {@snippet :
 * try (Recording recording = Recording.open(Path.of("perf.data"), RecordingOptions.defaults())) {
 *     recording.forEach(sample -> {
 *         for (int i = 0; i < sample.size(); i++) {
 *             System.out.printf("%x %s%n", sample.ip(i), sample.frame(i));
 *         }
 *         System.out.println(sample.userStop().label());
 *     });
 * }
 * }
 *
 * <p>Opening reads the whole recording once, without decoding samples, to learn what was mapped when; samples are then unwound by any
 * number of threads. What comes out does not depend on how many. Memory does not grow with the recording, beyond some bytes for each
 * record that is not a sample.
 */
public final class Recording implements RecordingAccount, AutoCloseable {
    private final PerfFile file;
    private final Arena arena;
    private final RecordingOptions options;
    private final ModuleFinder modules;
    private final RecordingIndex index;
    private final SymbolStore symbols;
    private final RecordingSummary summary = new RecordingSummary();
    private boolean processed;
    private @Nullable CompletableFuture<Void> released;

    private Recording(PerfFile file, RecordingOptions options, Arena arena) throws IOException {
        this.file = file;
        this.options = options;
        this.arena = arena;
        this.modules = new ModuleFinder(options, arena, file);
        Demangler demangler = Demangler.create();
        if (options.demangle() && options.threads() > 1) {
            demangler.prepare(); // while the index is made, the other processors have nothing to do
        }
        this.index = new RecordingIndex(file, modules, options.join(), options.threads());
        this.symbols =
                new SymbolStore(options, arena, modules.files(), index.history().kernel(), demangler);
    }

    /**
     * Opens a recording.
     *
     * @throws org.backstitch.bytes.MalformedInputException if it is none, or too damaged to be read
     * @throws IOException if a file cannot be read
     */
    public static Recording open(Path path, RecordingOptions options) throws IOException {
        return of(PerfFile.open(path), options);
    }

    /** The samples of a recording that is open already; closing this closes it. */
    @SuppressWarnings("MustBeClosedChecker") // close() closes the arena; when nothing is returned, it is closed here.
    public static Recording of(PerfFile file, RecordingOptions options) throws IOException {
        Arena arena = Arena.ofShared();
        try {
            return new Recording(file, options, arena);
        } catch (IOException | RuntimeException e) {
            arena.close();
            file.close();
            throw e;
        }
    }

    /** The file behind it. */
    public PerfFile file() {
        return file;
    }

    /** How many samples the recording holds. */
    public long sampleCount() {
        return index.samples();
    }

    /** What is done with a sample. */
    @FunctionalInterface
    public interface SampleConsumer {
        /** Takes a sample, which is only good until this returns. */
        void accept(ResolvedSample sample) throws IOException;
    }

    /** What is done with a recorded stack. */
    @FunctionalInterface
    public interface StackConsumer {
        /** Takes a stack that could be unwound; registers and dump are only good until this returns. */
        void accept(AddressSpace space, Registers registers, StackDump dump) throws IOException;
    }

    /** What is done with the result of a batch. */
    @FunctionalInterface
    public interface ResultConsumer<R> {
        /** Takes the result of the next batch, in the order of time. */
        void accept(R result) throws IOException;

        /** All that can be told so far was taken; more of the recording may be long in coming. */
        default void waiting() throws IOException {}
    }

    /** Resolves all samples, in the order of time, in the thread of the caller. */
    public void forEach(SampleConsumer consumer) throws IOException {
        BatchWorker<Boolean> worker = new BatchWorker<>() {
            @Override
            public void sample(ResolvedSample sample) throws IOException {
                consumer.accept(sample);
            }

            @Override
            public Boolean finishBatch() {
                return true;
            }
        };
        run(() -> worker, _ -> {}, 1, _ -> {});
    }

    /** Gives the user stacks of all samples that recorded one, in the order of time, without unwinding them. */
    public void forEachStack(StackConsumer consumer) throws IOException {
        SampleOrder order = new SampleOrder(file, index, false);
        SampleResolver resolver = new SampleResolver(file, index.history(), index::lateRecord, options, symbols);
        for (long[] batch = order.next(); batch != null; batch = order.next()) {
            for (long offset : batch) {
                resolver.giveStack(offset, consumer);
            }
        }
    }

    /**
     * Gives the user stack that a sample was unwound from.
     *
     * @return false if the sample recorded none
     */
    public boolean giveStack(ResolvedSample sample, StackConsumer consumer) throws IOException {
        return new SampleResolver(file, index.history(), index::lateRecord, options, symbols)
                .giveStack(sample.offset, consumer);
    }

    /** The separate file with a module's symbols, where there is one. */
    public Optional<ElfFile> debugFile(ElfModule module) {
        return symbols.debugFile(module);
    }

    /**
     * Resolves all samples, batch by batch: workers in any number of threads take the samples, results are taken in the order of time
     * in the thread of the caller.
     *
     * @param workers makes a worker for each thread
     * @param results takes what the workers make of each batch
     * @param progress is told how many samples are done
     */
    public <R> void process(Supplier<BatchWorker<R>> workers, ResultConsumer<R> results, LongConsumer progress)
            throws IOException {
        run(workers, results, options.threads(), progress);
    }

    private void start() {
        if (processed) {
            throw new IllegalStateException("a recording's samples can be processed once");
        }
        processed = true;
    }

    private <R> void run(
            Supplier<BatchWorker<R>> workers, ResultConsumer<R> results, int threads, LongConsumer progress)
            throws IOException {
        start();
        SampleOrder order = new SampleOrder(file, index, !options.mergeDeferred());
        List<Crew<R>> crews = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            crews.add(new Crew<>(
                    new SampleResolver(file, index.history(), index::lateRecord, options, symbols), workers.get()));
        }
        new BatchRunner<long[], R>(_ -> order.next(), batch -> batch.length, results, progress).run(crews);
        for (Crew<R> crew : crews) {
            summary.add(crew.summary);
            file.anomalies().addAll(crew.resolver.anomalies());
        }
        index.deferred().countRecords(summary.stitches());
    }

    /** A resolver and the worker that takes what it resolves; in one thread at a time. */
    private static final class Crew<R> implements BatchRunner.Worker<long[], R> {
        private final SampleResolver resolver;
        private final BatchWorker<R> worker;
        private final RecordingSummary summary = new RecordingSummary();

        Crew(SampleResolver resolver, BatchWorker<R> worker) {
            this.resolver = resolver;
            this.worker = worker;
        }

        @Override
        public R work(long[] offsets) throws IOException {
            resolver.beginBatch();
            RecordingSummary counts = new RecordingSummary();
            for (long offset : offsets) {
                ResolvedSample sample = resolver.resolve(offset);
                if (sample != null) {
                    resolver.count(sample, counts);
                    worker.sample(sample);
                }
            }
            summary.add(counts);
            return worker.finishBatch();
        }
    }

    /** What an {@link CallchainInjector} works on; a recording's samples can be processed once, by this or otherwise. */
    RecordingIndex startInjection() {
        start();
        return index;
    }

    /** What was asked for. */
    RecordingOptions options() {
        return options;
    }

    /** {@inheritDoc} Complete when {@link #process} or {@link #forEach} has returned. */
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
        return index.history().lostRecords();
    }

    /** The files that the stacks led through and that were opened, by the paths that processes knew them by; the vDSO too. */
    public Map<String, ElfFile> files() {
        return modules.opened();
    }

    @Override
    public Set<String> missingFiles() {
        return modules.missing();
    }

    @Override
    public Map<String, String> unusableFiles() {
        return modules.unusable();
    }

    /**
     * Says that nothing more will be read from the recording: no sample, no stack, no raw section. What was counted may still be asked for.
     * To unmap a large recording takes a while; where more than one thread may be used, another does it meanwhile.
     */
    public void release() {
        if (options.threads() > 1 && released == null) {
            released = CompletableFuture.runAsync(
                    file::close, task -> Thread.ofPlatform().name("unmapping").start(task));
        }
    }

    /** Unmaps the recording and all files that were opened for it. */
    @Override
    public void close() {
        arena.close();
        if (released == null) {
            file.close();
        } else {
            released.join();
        }
    }
}
