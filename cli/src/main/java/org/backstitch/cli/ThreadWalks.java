package org.backstitch.cli;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import org.backstitch.dump.user.ProcessImage;
import org.backstitch.dump.user.ThreadState;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.UserUnwinder;

/** Walks the stacks of a process's threads, where there are many of them several at a time, and gives the chains in order. */
final class ThreadWalks {
    /** Threads that are walked by one worker in a row: fewer take less time than to start another one. */
    private static final int BATCH = 64;

    private final ProcessImage process;
    private final int workers;
    private final Supplier<Callchain> chains;

    /** Takes what a walk has found. */
    @FunctionalInterface
    interface Taker {
        /**
         * Takes a thread's chain.
         *
         * @param chain belongs to the walk, and is filled anew afterwards
         */
        void take(ThreadState thread, Callchain chain) throws IOException;
    }

    /**
     * @param workers how many walk at a time at most; positive
     * @param chains makes empty ones
     */
    ThreadWalks(ProcessImage process, int workers, Supplier<Callchain> chains) {
        this.process = process;
        this.workers = workers;
        this.chains = chains;
    }

    /** Walks threads; their chains are taken one after the other, in the order of the threads, by the caller's thread. */
    void inOrder(List<ThreadState> threads, Taker taker) throws IOException {
        int batches = (threads.size() + BATCH - 1) / BATCH;
        if (Math.min(workers, batches) <= 1) {
            UserUnwinder unwinder = new UserUnwinder();
            Callchain chain = chains.get();
            for (ThreadState thread : threads) {
                process.unwind(thread, unwinder, chain);
                taker.take(thread, chain);
            }
            return;
        }
        try (ExecutorService pool = Executors.newFixedThreadPool(Math.min(workers, batches))) {
            Queue<Future<List<Callchain>>> ahead = new ArrayDeque<>();
            int next = 0;
            for (int batch = 0; batch < batches; batch++) {
                while (next < batches && ahead.size() <= workers) {
                    List<ThreadState> some = batch(threads, next++);
                    ahead.add(pool.submit(() -> walk(some)));
                }
                List<Callchain> done = result(ahead.remove());
                for (int i = 0; i < done.size(); i++) {
                    taker.take(threads.get(batch * BATCH + i), done.get(i));
                }
            }
        }
    }

    private static List<ThreadState> batch(List<ThreadState> threads, int batch) {
        return threads.subList(batch * BATCH, Math.min(threads.size(), (batch + 1) * BATCH));
    }

    private List<Callchain> walk(List<ThreadState> threads) {
        UserUnwinder unwinder = new UserUnwinder();
        List<Callchain> done = new ArrayList<>(threads.size());
        for (ThreadState thread : threads) {
            Callchain chain = chains.get();
            process.unwind(thread, unwinder, chain);
            done.add(chain);
        }
        return done;
    }

    private static List<Callchain> result(Future<List<Callchain>> future) throws IOException {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                case null, default -> throw new IllegalStateException(e);
            }
        }
    }
}
