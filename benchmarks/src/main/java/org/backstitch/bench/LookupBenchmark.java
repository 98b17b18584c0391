package org.backstitch.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.UnwindTable;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The rule for an address from a file's table, which a walk asks for when its cache does not hold it: nanoseconds a look-up.
 *
 * <p>An address covered by a row is a hit; between functions and around the code there are others.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(1)
public class LookupBenchmark {
    private static final int ADDRESSES = 1 << 14;

    @Param("/lib/x86_64-linux-gnu/libc.so.6")
    String file = "";

    private final Arena arena = Arena.ofShared();
    private final long[] covered = new long[ADDRESSES];
    private final long[] uncovered = new long[ADDRESSES];
    private @Nullable UnwindTable table;

    @Setup
    public void open() throws IOException {
        UnwindTable rules = CfiUnwindInfo.of(ElfFile.map(Path.of(file), arena)).compile();
        table = rules;
        long[] rows = new long[1 << 20];
        int[] count = {0};
        rules.forEachRow((start, end, rule, saved, side) -> {
            if (count[0] < rows.length) {
                rows[count[0]++] = start;
            }
        });
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < ADDRESSES; i++) {
            covered[i] = rows[random.nextInt(count[0])];
            uncovered[i] = -1L - random.nextInt(1 << 24);
        }
        check(covered, true);
        check(uncovered, false);
    }

    private void check(long[] addresses, boolean expected) {
        for (long address : addresses) {
            if (table().find(address) != 0 != expected) {
                throw new IllegalStateException("0x%x: covered is not %s".formatted(address, expected));
            }
        }
    }

    private UnwindTable table() {
        return Objects.requireNonNull(table);
    }

    @TearDown
    public void close() {
        arena.close();
    }

    /** Random rows of the file. */
    @Benchmark
    @OperationsPerInvocation(ADDRESSES)
    public long hit() {
        return lookUp(covered);
    }

    /** Addresses that no row covers. */
    @Benchmark
    @OperationsPerInvocation(ADDRESSES)
    public long miss() {
        return lookUp(uncovered);
    }

    private long lookUp(long[] addresses) {
        UnwindTable rules = table();
        long sum = 0;
        for (long address : addresses) {
            sum += rules.rule(address);
        }
        return sum;
    }
}
