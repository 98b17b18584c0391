package org.backstitch.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;

/**
 * Measures what other unwinders do, too: a fork of ours and a run of each of theirs, in turns, so that a machine that is slow for a while
 * is slow for all.
 */
final class Turns {
    /** The benchmarks that are measured in turns. */
    static final String BENCHMARKS = "\\.(ColdWalk|Compile|Walk)Benchmark\\.";

    private final int turns;
    private final Supplier<ChainedOptionsBuilder> options;
    private final @Nullable Peers peers;
    private final Map<String, RunResult> suites = new LinkedHashMap<>();
    private final List<Peers.Measured> measured = new ArrayList<>();

    /**
     * @param turns how many
     * @param options of our benchmarks
     * @param peers those that are there
     */
    Turns(int turns, Supplier<ChainedOptionsBuilder> options, @Nullable Peers peers) {
        this.turns = turns;
        this.options = options;
        this.peers = peers;
    }

    /**
     * Walks the stacks of a recording.
     *
     * @param subject a bundled recording, or the path of another
     * @param name what it is called
     */
    void walk(String subject, String name, BenchmarkRecording recording)
            throws IOException, InterruptedException, RunnerException {
        try (Peers.@Nullable Walks walks = peers == null ? null : peers.walks(name, recording)) {
            for (int turn = 0; turn < turns; turn++) {
                run("\\.(ColdWalk|Walk)Benchmark\\.", "recording", subject);
                if (walks != null) {
                    walks.turn();
                }
            }
            if (walks != null) {
                measured.addAll(walks.measured());
            }
        }
    }

    /** Compiles the tables of a file. */
    void compile(String file) throws IOException, InterruptedException, RunnerException {
        Peers.@Nullable Measured best = null;
        for (int turn = 0; turn < turns; turn++) {
            run("\\.CompileBenchmark\\.", "file", file);
            if (peers != null) {
                Peers.Measured rows = peers.rows(Path.of(file));
                best = best == null ? rows : best.orBetter(rows);
            }
        }
        if (best != null) {
            measured.add(best);
        }
    }

    private void run(String benchmarks, String parameter, String value) throws RunnerException {
        Collection<RunResult> results = new Runner(options.get()
                        .include(benchmarks)
                        .param(parameter, value)
                        .forks(1)
                        .build())
                .run();
        for (RunResult result : results) {
            suites.merge(result.getParams().id(), result, Turns::joined);
        }
    }

    private static RunResult joined(RunResult one, RunResult other) {
        List<BenchmarkResult> forks = new ArrayList<>(one.getBenchmarkResults());
        forks.addAll(other.getBenchmarkResults());
        return new RunResult(one.getParams(), forks);
    }

    /** What our benchmarks took: every turn is a fork. */
    Collection<RunResult> suites() {
        return suites.values();
    }

    /** What the others took. */
    List<Peers.Measured> measured() {
        return measured;
    }
}
