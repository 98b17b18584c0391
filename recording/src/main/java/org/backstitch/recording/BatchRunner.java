package org.backstitch.recording;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Lets any number of workers make something of batches, and hands on what they make in the order of the batches, in the thread of the
 * caller.
 *
 * @param <B> a batch
 * @param <R> what is made of it
 */
final class BatchRunner<B, R> {
    /** How many batches may be under way for each worker: enough that none waits, few enough that memory stays bounded. */
    private static final int BATCHES_PER_WORKER = 3;

    /** Gives batches, one after the other. */
    @FunctionalInterface
    interface Source<B> {
        /**
         * The next batch, null behind the last.
         *
         * @param pause to be told before this waits for something that may be long in coming
         */
        @Nullable
        B next(Pause pause) throws IOException;
    }

    /** What is done before a source waits. */
    @FunctionalInterface
    interface Pause {
        void begins() throws IOException;
    }

    /** Makes something of a batch; in one thread at a time. */
    @FunctionalInterface
    interface Worker<B, R> {
        R work(B batch) throws IOException;
    }

    /** How many samples a batch holds. */
    @FunctionalInterface
    interface Size<B> {
        int of(B batch);
    }

    /** A batch under way, and how many samples are done when it is. */
    private record UnderWay<R>(Future<R> result, long done) {}

    private final Source<B> source;
    private final Size<B> size;
    private final Recording.ResultConsumer<R> results;
    private final LongConsumer progress;

    /**
     * @param results takes what is made of each batch
     * @param progress is told how many samples are done
     */
    BatchRunner(Source<B> source, Size<B> size, Recording.ResultConsumer<R> results, LongConsumer progress) {
        this.source = source;
        this.size = size;
        this.results = results;
        this.progress = progress;
    }

    /** Works through all batches with one thread for each worker, or in the thread of the caller if there is only one. */
    void run(List<? extends Worker<B, R>> workers) throws IOException {
        if (workers.size() > 1) {
            runInParallel(workers);
            return;
        }
        long done = 0;
        for (B batch = source.next(results::waiting); batch != null; batch = source.next(results::waiting)) {
            results.accept(workers.getFirst().work(batch));
            done += size.of(batch);
            progress.accept(done);
        }
    }

    private void runInParallel(List<? extends Worker<B, R>> workers) throws IOException {
        ArrayDeque<Worker<B, R>> idle = new ArrayDeque<>(workers);
        ArrayDeque<UnderWay<R>> underWay = new ArrayDeque<>();
        long submitted = 0;
        try (ExecutorService threads = Executors.newFixedThreadPool(workers.size())) {
            try {
                Pause pause = () -> {
                    deliverAll(underWay);
                    results.waiting();
                };
                for (B next = source.next(pause); next != null; next = source.next(pause)) {
                    B batch = next;
                    Future<R> result = threads.submit(() -> {
                        Worker<B, R> worker = take(idle);
                        try {
                            return worker.work(batch);
                        } finally {
                            give(idle, worker);
                        }
                    });
                    submitted += size.of(batch);
                    underWay.add(new UnderWay<>(result, submitted));
                    if (underWay.size() >= workers.size() * BATCHES_PER_WORKER) {
                        deliver(underWay.remove());
                    }
                }
                deliverAll(underWay);
            } finally {
                threads.shutdownNow();
            }
        }
    }

    private static <W> W take(ArrayDeque<W> idle) {
        synchronized (idle) {
            return idle.removeLast();
        }
    }

    private static <W> void give(ArrayDeque<W> idle, W worker) {
        synchronized (idle) {
            idle.addLast(worker);
        }
    }

    private void deliverAll(ArrayDeque<UnderWay<R>> underWay) throws IOException {
        while (!underWay.isEmpty()) {
            deliver(underWay.remove());
        }
    }

    private void deliver(UnderWay<R> batch) throws IOException {
        try {
            results.accept(batch.result.get());
            progress.accept(batch.done);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException io -> throw io;
                case UncheckedIOException io -> throw io;
                case RuntimeException failure -> throw failure;
                case Error error -> throw error;
                case null, default -> throw new IllegalStateException(e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
