package org.backstitch.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.table.CfiUnwindInfo;
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
 * Call frame information of a file compiled into a table, all callee-saved registers kept. The counter {@code rows} is rows a second:
 * 10<sup>9</sup> over it is nanoseconds a row. Any file can be measured: {@code -p file=/path}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class CompileBenchmark {
    /** Rows that were compiled. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class Rows {
        public long rows;

        @Setup(Level.Iteration)
        public void reset() {
            rows = 0;
        }
    }

    @Param("/lib/x86_64-linux-gnu/libc.so.6")
    String file = "";

    private final Arena arena = Arena.ofShared();
    private @Nullable ElfFile elf;

    @Setup
    public void open() throws IOException {
        elf = ElfFile.map(Path.of(file), arena);
    }

    @TearDown
    public void close() {
        arena.close();
    }

    @Benchmark
    public int compile(Rows counter) {
        int rows = CfiUnwindInfo.of(Objects.requireNonNull(elf)).compile().sourceRows();
        counter.rows += rows;
        return rows;
    }
}
