package org.backstitch.bench;

import java.util.concurrent.TimeUnit;
import org.backstitch.unwind.deferred.Deferral;
import org.backstitch.unwind.deferred.Stitcher;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Late callchains joined with the samples that asked for them: nanoseconds a sample. Of each entry to the kernel there are three samples
 * and one record; {@code held} entries are open at any time.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class StitchBenchmark {
    private static final int ENTRIES = 1 << 16;
    private static final int SAMPLES_AN_ENTRY = 3;
    private static final int SAMPLES = ENTRIES * SAMPLES_AN_ENTRY;

    @Param({"1", "1000", "50000"})
    int held = 1;

    /** What came out; all of it stitched, each to the chain of its own entry. */
    private static final class Joined implements Stitcher.Sink {
        private long samples;

        @Override
        public void sample(long sample, Deferral deferral, long chain) {
            if (chain != sample / SAMPLES_AN_ENTRY) {
                throw new IllegalStateException("sample %d with chain %d".formatted(sample, chain));
            }
            samples++;
        }
    }

    @Benchmark
    @OperationsPerInvocation(SAMPLES)
    public long stitch() {
        Joined joined = new Joined();
        Stitcher stitcher = new Stitcher(joined);
        for (int entry = 0; entry < ENTRIES + held; entry++) {
            for (int i = 0; i < SAMPLES_AN_ENTRY && entry < ENTRIES; i++) {
                stitcher.request((long) entry * SAMPLES_AN_ENTRY + i, 1, task(entry), cookie(entry));
            }
            int ended = entry - held;
            if (ended >= 0) {
                stitcher.record(1, task(ended), cookie(ended), ended);
            }
        }
        stitcher.end();
        if (joined.samples != SAMPLES) {
            throw new IllegalStateException(joined.samples + " samples");
        }
        return joined.samples;
    }

    /** A task is in the kernel once at a time. */
    private int task(int entry) {
        return 1 + entry % held;
    }

    private static long cookie(int entry) {
        return ((entry + 1L) << 12) | 1;
    }
}
