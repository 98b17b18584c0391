package org.backstitch.bench;

import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.SampleCursor;
import org.backstitch.recording.Recording;
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
import org.openjdk.jmh.annotations.Warmup;

/** A whole recording (of 61 MB, unless another is given): decoding alone, and everything from opening it to named chains; cold in a fresh JVM, and warm. */
@State(Scope.Thread)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class RecordingBenchmark {
    /** A bundled recording, or the path of any other: {@link BenchmarkRecording#of}. */
    @Param("deep")
    String recording = "deep";

    @Param("")
    String symfs = "";

    @Param("")
    String vdso = "";

    private @Nullable BenchmarkRecording measured;

    @Setup
    public void unpack() throws IOException {
        measured = BenchmarkRecording.of(recording, symfs, vdso);
    }

    private BenchmarkRecording measured() {
        return Objects.requireNonNull(measured);
    }

    /** Bytes of recordings that were decoded. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class FileBytes {
        public long bytes;

        @Setup(Level.Iteration)
        public void reset() {
            bytes = 0;
        }
    }

    /** Every record located and every sample decoded, nothing unwound. */
    @Benchmark
    @BenchmarkMode(Mode.Throughput)
    @OutputTimeUnit(TimeUnit.SECONDS)
    @Warmup(iterations = 3, time = 1)
    @Measurement(iterations = 3, time = 1)
    @Fork(1)
    public long decode(FileBytes counter) throws IOException {
        long sum = 0;
        try (PerfFile file = PerfFile.open(measured().data())) {
            RecordCursor records = file.records();
            SampleCursor sample = file.samples();
            while (records.next()) {
                if (records.isSample() && sample.moveTo(records.offset())) {
                    sum += sample.ip() + sample.time() + sample.stackSize();
                }
            }
            counter.bytes += file.bytes().size();
        }
        return sum;
    }

    /** Opening, unwinding, naming, in as many threads as there are processors; JIT compiled. */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    @Warmup(iterations = 3, time = 1)
    @Measurement(iterations = 3, time = 1)
    @Fork(1)
    public long endToEnd() throws IOException {
        return resolve();
    }

    /** The same once, in a fresh JVM: tables from the files, and the JIT warming up. */
    @Benchmark
    @BenchmarkMode(Mode.SingleShotTime)
    @Warmup(iterations = 0)
    @Measurement(iterations = 1)
    @Fork(3)
    public long endToEndCold() throws IOException {
        return resolve();
    }

    private long resolve() throws IOException {
        try (Recording recording = Recording.open(measured().data(), measured().options())) {
            recording.forEach(sample -> {});
            return recording.summary().frames();
        }
    }
}
