package org.backstitch.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.UserUnwinder;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The walk over all stacks of a recording, single-threaded: a pass an operation. The counter {@code frames} is frames a second, so that
 * 10<sup>9</sup> over it is nanoseconds a frame; {@code cpu} over {@code frames} is the same in the time of the thread, which other
 * programs on a busy machine take less of.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 6, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 6, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class WalkBenchmark {
    /** Frames that were walked, and the nanoseconds that the thread was executing meanwhile. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class Frames {
        public long frames;
        public long cpu;

        private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();

        @Setup(Level.Iteration)
        public void reset() {
            frames = 0;
            cpu = 0;
        }

        private long begin() {
            return threads.getCurrentThreadCpuTime();
        }

        private void end(long began, long walked) {
            cpu += threads.getCurrentThreadCpuTime() - began;
            frames += walked;
        }
    }

    /** The same of the walk along frame pointers. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class Floor {
        public long floorFrames;
        public long floorCpu;

        @Setup(Level.Iteration)
        public void reset() {
            floorFrames = 0;
            floorCpu = 0;
        }

        private void end(long began, long ended, long followed) {
            floorCpu += ended - began;
            floorFrames += followed;
        }
    }

    /** A bundled recording, or the path of any other: {@link BenchmarkRecording#of}. */
    @Param({"deep", "signals"})
    String recording = "deep";

    @Param("")
    String symfs = "";

    @Param("")
    String vdso = "";

    private final Arena arena = Arena.ofShared();
    private final UserUnwinder unwinder = new UserUnwinder();
    private final Callchain chain = new Callchain().limit(1024);
    private final Callchain withRegisters = new Callchain().limit(1024).recordRegisters(true);
    private final long[] pcs = new long[1024];
    private @Nullable RecordedStacks opened;
    private @Nullable GoldenChains golden;
    private long frames;

    @Setup
    public void open() throws IOException {
        BenchmarkRecording measured = BenchmarkRecording.of(recording, symfs, vdso);
        opened = RecordedStacks.open(measured, arena);
        golden = new GoldenChains(measured.golden());
        frames = golden.check(opened, unwinder, chain);
    }

    /** What was compiled while the clock ran must still give the golden chains. */
    @TearDown
    public void close() {
        Objects.requireNonNull(golden).check(stacks(), unwinder, chain);
        stacks().close();
        arena.close();
    }

    private RecordedStacks stacks() {
        return Objects.requireNonNull(opened);
    }

    /** Only what a profile needs: the pcs. */
    @Benchmark
    public long warm(Frames counter) {
        RecordedStacks stacks = stacks();
        long began = counter.begin();
        long walked = stacks.walkAll(unwinder, chain, stacks.size());
        if (walked != frames) {
            throw new IllegalStateException("%d frames, not %d".formatted(walked, frames));
        }
        counter.end(began, walked);
        return walked;
    }

    /** The first hundred stacks: all in the processor's cache. */
    @Benchmark
    public long warmInCache(Frames counter) {
        RecordedStacks stacks = stacks();
        long began = counter.begin();
        long walked = stacks.walkAll(unwinder, chain, Math.min(100, stacks.size()));
        counter.end(began, walked);
        return walked;
    }

    /** With all registers of every frame, as a debugger wants them. */
    @Benchmark
    public long warmAllRegisters(Frames counter) {
        RecordedStacks stacks = stacks();
        long began = counter.begin();
        long walked = stacks.walkAll(unwinder, withRegisters, stacks.size());
        counter.end(began, walked);
        return walked;
    }

    /**
     * The floor: a walk along frame pointers, right or not, which is what the same loads cost without any rules. Each pass over the stacks
     * follows one by rules, so that both find the memory in the same state: how fast that is differs from process to process.
     */
    @Benchmark
    public long besideFramePointers(Frames counter, Floor floor) {
        return alternate(counter, floor, stacks().size(), 1);
    }

    /** The same over the first hundred stacks: a hundred passes of each, one after the other. */
    @Benchmark
    public long besideFramePointersInCache(Frames counter, Floor floor) {
        return alternate(counter, floor, Math.min(100, stacks().size()), 100);
    }

    private long alternate(Frames counter, Floor floor, int count, int passes) {
        long walked = 0;
        long began = counter.begin();
        for (int pass = 0; pass < passes; pass++) {
            walked += stacks().walkAll(unwinder, chain, count);
        }
        counter.end(began, walked);
        long followed = 0;
        began = counter.begin();
        for (int pass = 0; pass < passes; pass++) {
            followed += stacks().walkFramePointers(pcs, count);
        }
        floor.end(began, counter.begin(), followed);
        return walked + followed;
    }
}
