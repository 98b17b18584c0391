package org.backstitch.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.jspecify.annotations.Nullable;
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
 * The first pass over all stacks of a recording in a fresh virtual machine, single-threaded: rules from the files and the compiler's warming
 * up are in it. The first compiler only, as the launcher has it for recordings of such a size.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 0)
@Measurement(iterations = 1)
@Fork(value = 5, jvmArgsPrepend = "-XX:TieredStopAtLevel=1")
public class ColdWalkBenchmark {
    /** {@code lazy}: entries are executed as they are met; {@code eager}: first the tables of all files are compiled. */
    @Param({"lazy", "eager"})
    String tables = "lazy";

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
    private @Nullable RecordedStacks opened;
    private @Nullable GoldenChains golden;

    @Setup(Level.Trial)
    public void open() throws IOException {
        BenchmarkRecording measured = BenchmarkRecording.of(recording, symfs, vdso);
        opened = RecordedStacks.open(measured, arena);
        golden = new GoldenChains(measured.golden());
    }

    /** What came out must be the golden chains: walked again, by the rules that were made while the clock ran. */
    @TearDown(Level.Trial)
    public void close() {
        RecordedStacks stacks = stacks();
        Objects.requireNonNull(golden).check(stacks, unwinder, chain);
        stacks.close();
        arena.close();
    }

    private RecordedStacks stacks() {
        return Objects.requireNonNull(opened);
    }

    @Benchmark
    public long cold() {
        RecordedStacks stacks = stacks();
        if (tables.equals("eager")) {
            compileAll(stacks);
        }
        return stacks.walkAll(unwinder, chain, stacks.size());
    }

    private static void compileAll(RecordedStacks stacks) {
        Set<Object> done = Collections.newSetFromMap(new IdentityHashMap<>());
        for (AddressSpace space : stacks.spaces()) {
            if (!done.add(space)) {
                continue;
            }
            for (Mapping mapping : space.mappings()) {
                ElfModule module = mapping.module();
                if (module != null && done.add(module) && module.rules() instanceof CfiUnwindInfo rules) {
                    rules.compile();
                }
            }
        }
    }
}
