package org.backstitch.unwind.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.statistics.Statistics;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.ModuleRegistry;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random call frame programs, registers and memory: every frame of every walk has the pc and the registers that the naive reading
 * gives, and the walk ends where that ends.
 */
class WalkDifferentialTest {
    private static final int FRAMES = 8;
    private static final int RBP = 6;
    private static final int RSP = 7;
    private static final int RIP = 16;
    private static final long MAPPED = MadeUpProcess.BIAS + Function.TEXT;
    private static final long DUMP_SIZE = 0x1000;

    /** RAX, RDX, RCX, RSI, RDI, R8 to R11. */
    private static final Set<Integer> CALLER_SAVED = Set.of(0, 1, 2, 4, 5, 8, 9, 10, 11);

    @Provide
    Arbitrary<Function> functions() {
        return Functions.functions();
    }

    /** A chain by the naive reading. */
    private static final class Expected {
        private final List<Map<Integer, Long>> frames = new ArrayList<>();

        /** Why it ends; null where the comparison does. */
        private StopReason stop = StopReason.MAX_STACK;

        /** From here on the product may ask for more than a row: for proof of a return address, or it sees a circle. */
        private boolean mayEndEarlier;

        private boolean open;
    }

    private static Expected walk(Function function, MadeUpProcess process, Map<Integer, Long> start) {
        Expected expected = new Expected();
        NaiveTable table = function.table();
        Map<Integer, Long> frame = start;
        boolean exact = true;
        Set<List<Long>> states = new HashSet<>();
        while (true) {
            expected.frames.add(frame);
            long pc = frame.getOrDefault(RIP, 0L);
            long vaddr = (exact ? pc : pc - 1) - MadeUpProcess.BIAS;
            if (vaddr < Function.START || vaddr >= Function.START + Function.LENGTH) {
                expected.open = true;
                return expected;
            }
            NaiveStep.Result result;
            AskedRegisters memory = new AskedRegisters(process);
            try {
                result = NaiveStep.step(table.row(vaddr), frame, memory);
            } catch (NaiveTable.BadProgram e) {
                result = new NaiveStep.Result.Stop(StopReason.BAD_UNWIND_INFO);
            }
            if (result instanceof NaiveStep.Result.Stop(StopReason reason)) {
                expected.stop = reason;
                return expected;
            }
            Map<Integer, Long> caller = ((NaiveStep.Result.Caller) result).registers();
            long callerPc = caller.getOrDefault(RIP, 0L);
            long callerSp = caller.getOrDefault(RSP, 0L);
            exact = function.signalFrame();
            boolean leftOver = !exact && table.usesAny(vaddr, CALLER_SAVED);
            expected.mayEndEarlier |= expected.frames.size() > 1 && leftOver;
            if (callerPc == 0 && !exact) {
                expected.stop = StopReason.END_OF_STACK;
                return expected;
            }
            if (callerPc == pc && callerSp == frame.getOrDefault(RSP, 0L)) {
                expected.stop = StopReason.NO_PROGRESS;
                return expected;
            }
            boolean repeats = !states.add(List.of(callerPc, callerSp, caller.getOrDefault(RBP, -1L)));
            expected.mayEndEarlier |= repeats;
            if (expected.frames.size() == FRAMES) {
                return expected;
            }
            frame = caller;
        }
    }

    /** Memory only: registers come from frames. */
    private record AskedRegisters(MadeUpProcess process) implements NaiveMachine {
        @Override
        public OptionalLong register(int number) {
            throw new AssertionError("frames know their registers");
        }

        @Override
        public OptionalLong memory(long address, int size) {
            return process.memory(address, size);
        }
    }

    @Property
    void everyWalkAgrees(
            @ForAll("functions") Function function,
            @ForAll long seed,
            @ForAll @IntRange(max = Function.LENGTH - 1) int offset) {
        Expected expected = compare(function, seed, offset);
        Statistics.label("frames").collect(expected.frames.size());
        Statistics.label("stop").collect(expected.open ? "open" : expected.stop.label());
    }

    /** Walks in every way, and compares with the naive reading. */
    private static Expected compare(Function function, long seed, int offset) {
        MadeUpProcess process = new MadeUpProcess(seed);
        Map<Integer, Long> start = process.frame(MadeUpProcess.BIAS + Function.START + offset);
        Expected expected = walk(function, process, start);

        ElfFile elf = function.elf();
        for (boolean compiled : new boolean[] {false, true}) {
            CfiUnwindInfo rules = CfiUnwindInfo.of(elf);
            if (compiled) {
                rules.compile();
            }
            ElfModule module = new ModuleRegistry().module("function", elf, rules);
            AddressSpace space = AddressSpace.of(List.of(
                    new Mapping(MAPPED, MAPPED + Function.TEXT_SIZE, Function.TEXT, true, "/function", module)));
            UserUnwinder unwinder = new UserUnwinder(); // it knows modules by their number in one registry
            for (int round = 0; round < 2; round++) {
                check(expected, walk(unwinder, space, process, start, false, false));
                check(expected, walk(unwinder, space, process, start, true, false));
                check(expected, walk(unwinder, space, process, start, false, true));
                check(expected, walk(unwinder, space, process, start, true, true));
            }
        }
        return expected;
    }

    static List<Function> shapes() {
        return Shapes.all();
    }

    /** Every shape of a row that words are made for, those next to them, and offsets at the edges of what a word can hold. */
    @ParameterizedTest
    @MethodSource("shapes")
    void everyShapeAgrees(Function function) {
        for (long seed = 0; seed < 4; seed++) {
            compare(function, seed, (int) (seed * 5 % 16));
        }
    }

    /** @param dumped whether the stack's bytes are at hand as a dump besides */
    private static Callchain walk(
            UserUnwinder unwinder,
            AddressSpace space,
            MadeUpProcess process,
            Map<Integer, Long> start,
            boolean allRegisters,
            boolean dumped) {
        Registers registers = MadeUpProcess.asRegisters(start);
        StackDump dump = new StackDump().clear(registers.sp());
        if (dumped) {
            process.fill(dump, registers.sp(), DUMP_SIZE);
        }
        Callchain chain = new Callchain().limit(FRAMES).recordRegisters(allRegisters);
        unwinder.unwind(space, registers, dump, process, chain);
        return chain;
    }

    private static void check(Expected expected, Callchain chain) {
        String all = chain.toString();
        // Behind frames that no row covers the product goes on; if it finds itself in a circle, it takes the frames of
        // it back.
        boolean circle = expected.open && chain.stop() == StopReason.NO_PROGRESS;
        boolean early = circle
                || expected.mayEndEarlier
                        && (chain.stop() == StopReason.NO_PROGRESS || chain.stop() == StopReason.BAD_UNWIND_INFO);
        int frames = early ? Math.min(chain.size(), expected.frames.size()) : expected.frames.size();
        assertTrue(chain.size() >= frames, () -> "a shorter chain: " + all + " than " + expected.frames);
        for (int i = 0; i < frames; i++) {
            Map<Integer, Long> frame = expected.frames.get(i);
            assertEquals(frame.get(RIP), chain.pc(i), all);
            for (int register = 0; chain.recordsRegisters() && register <= RIP; register++) {
                String what = "register " + register + " of frame " + i;
                assertEquals(frame.containsKey(register), chain.isKnown(i, register), what);
                if (frame.containsKey(register)) {
                    assertEquals(frame.get(register), chain.register(i, register), what);
                }
            }
        }
        if (!early && !expected.open) {
            assertEquals(expected.stop, chain.stop(), all);
            assertEquals(frames, chain.size(), all);
        }
    }
}
