package org.backstitch.unwind;

import static org.backstitch.unwind.SmallProgram.FUNCTION;
import static org.backstitch.unwind.SmallProgram.STACK;
import static org.backstitch.unwind.SmallProgram.TEXT;
import static org.backstitch.unwind.machine.X86_64.R10;
import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RBX;
import static org.backstitch.unwind.machine.X86_64.RIP;
import static org.backstitch.unwind.machine.X86_64.RSP;
import static org.backstitch.unwind.table.UnwindRule.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.UnwindRule;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One step by each kind of rule word, worked out by hand from the definition in {@link UnwindRule}. The caller's CFA is RBP + 16, so
 * that where the chain goes then tells what the step took for the caller's RBP. Each in four ways: from a dump and from memory, with few
 * and with all registers.
 */
class StepsByWordTest {
    private static final long SP = STACK + 0x100;
    private static final long DUMPED = 0x500;
    private static final long PC = TEXT + 16;

    // Where the first frame's function returns to: one whose frame is found by RBP, one by R10, and the outermost two.
    private static final long BY_RBP = TEXT + FUNCTION;
    private static final long BY_R10 = TEXT + 2 * FUNCTION;
    private static final long OUTER = TEXT + 3 * FUNCTION + 16;
    private static final long OTHER = TEXT + 4 * FUNCTION + 16;
    private static final long CALLER = BY_RBP + 16;

    /** RBP as the walk starts with it: the frame there returns to {@link #OUTER}. */
    private static final long OUTER_FRAME = SP + 0x300;

    /** What is saved as RBP in various places: the frame there returns to {@link #OTHER}. */
    private static final long OTHER_FRAME = SP + 0x400;

    /** A distance from RSP, and more so from what lies above it, at which nothing was recorded. */
    private static final int BEYOND = 0x600;

    /** A step: the rule of the first frame, what lies on the stack, what is not known at first; and the chain. */
    record Case(String name, long rule, long pc, int unknown, List<Long> stack, StopReason stop, List<Long> pcs) {
        Case(String name, long rule, long pc, int unknown, List<Long> stack, StopReason stop, long... pcs) {
            this(name, rule, pc, unknown, stack, stop, words(pcs));
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static Case call(String name, int base, int rbpMode, int rbpOffset, StopReason stop, long... pcs) {
        long rule = UnwindRule.of(CALL, base, 0x20, rbpMode, rbpOffset, 0, 0);
        return new Case(name, rule, PC, -1, words(0x18, CALLER, 8, OTHER_FRAME), stop, pcs);
    }

    /** Words on the stack: distances from RSP, and what lies there. */
    private static List<Long> words(long... words) {
        return Arrays.stream(words).boxed().toList();
    }

    static List<Case> ordinaryCalls() {
        StopReason end = StopReason.END_OF_STACK;
        StopReason lost = StopReason.BAD_UNWIND_INFO;
        return List.of(
                call("RBP as it was", RSP, RBP_SAME, 0, end, PC, CALLER, OUTER),
                call("by RBX", RBX, RBP_SAME, 0, end, PC, CALLER, OUTER),
                call("by R10, which no call has changed yet", R10, RBP_SAME, 0, end, PC, CALLER, OUTER),
                call("RBP below the CFA", RSP, RBP_AT_CFA, -0x18, end, PC, CALLER, OTHER),
                call("RBP's slot not recorded", RSP, RBP_AT_CFA, BEYOND, lost, PC, CALLER),
                call("RBP's slot popped already", RSP, RBP_AT_CFA, -0x28, end, PC, CALLER, OUTER),
                call("RBP's slot in other memory", RSP, RBP_AT_CFA, -0x1028, lost, PC, CALLER),
                call("RBP from the base", RSP, RBP_AT_BASE, 8, end, PC, CALLER, OTHER),
                call("RBP from RBX", RBX, RBP_AT_BASE, 8, end, PC, CALLER, OTHER),
                call("RBP from the base, not recorded", RSP, RBP_AT_BASE, BEYOND, lost, PC, CALLER),
                call("RBP from RBP", RSP, RBP_AT_RBP, 8 - 0x300, end, PC, CALLER, OTHER),
                call("RBP not known", RSP, RBP_UNDEFINED, 0, lost, PC, CALLER));
    }

    static List<Case> loadedCfas() {
        long loaded = UnwindRule.of(CALL, RSP, 8, RBP_SAME, 0, 0, DEREF);
        long withAddend = UnwindRule.of(CALL, RSP, 8, RBP_AT_CFA, -16, -8, DEREF);
        long beyond = UnwindRule.of(CALL, RSP, BEYOND, RBP_SAME, 0, 0, DEREF);
        List<Long> stack = words(8, SP + 0x40, 0x38, CALLER, 0x30, BY_RBP + 8, 0x28, OTHER_FRAME);
        return List.of(
                new Case("loaded", loaded, PC, -1, stack, StopReason.END_OF_STACK, PC, CALLER, OUTER),
                new Case("and less", withAddend, PC, -1, stack, StopReason.END_OF_STACK, PC, BY_RBP + 8, OTHER),
                new Case("from nowhere", beyond, PC, -1, stack, StopReason.DUMP_EXHAUSTED, PC));
    }

    static List<Case> signals() {
        long rule = UnwindRule.of(SIGNAL, RSP, 160, RBP_AT_BASE, 120, 0, DEREF | EXACT_CALLER);
        StopReason end = StopReason.END_OF_STACK;
        return List.of(
                new Case(
                        "the first instruction of a function",
                        rule,
                        PC,
                        -1,
                        words(160, SP + 0x200, 168, BY_RBP, 120, OTHER_FRAME),
                        end,
                        PC,
                        BY_RBP,
                        OTHER),
                new Case(
                        "R10 is what it was",
                        UnwindRule.of(SIGNAL, RSP, 160, RBP_SAME, 0, 0, DEREF | EXACT_CALLER),
                        PC,
                        -1,
                        words(160, SP + 0x200, 168, BY_R10, 0x18, OUTER),
                        end,
                        PC,
                        BY_R10,
                        OUTER),
                new Case(
                        "nothing was called, and its stack is not there",
                        rule,
                        PC,
                        -1,
                        words(160, SP + BEYOND, 168, 0),
                        StopReason.DUMP_EXHAUSTED,
                        PC,
                        0));
    }

    static List<Case> pltEntries() {
        long rule = UnwindRule.of(PLT, RSP, 8, RBP_SAME, 0, 11, 0);
        List<Long> stack = words(0, CALLER, 8, CALLER + 8);
        List<Case> cases = new ArrayList<>();
        for (int low = 0; low < 32; low++) {
            long returns = low % 16 >= 11 ? CALLER + 8 : CALLER;
            cases.add(new Case(
                    "at " + low, rule, TEXT + low, -1, stack, StopReason.END_OF_STACK, TEXT + low, returns, OUTER));
        }
        return cases;
    }

    static List<Case> ends() {
        long usual = UnwindRule.of(CALL, RSP, 0x20, RBP_SAME, 0, 0, 0);
        long atRbp = UnwindRule.of(CALL, RSP, 0x20, RBP_AT_RBP, 8, 0, 0);
        long far = UnwindRule.of(CALL, RSP, BEYOND + 8, RBP_SAME, 0, 0, 0);
        List<Long> stack = words(0x18, CALLER);
        StopReason bad = StopReason.BAD_UNWIND_INFO;
        return List.of(
                new Case("outermost", UnwindRule.of(END), PC, -1, stack, StopReason.END_OF_STACK, PC),
                new Case("undefined", UnwindRule.of(UNDEFINED), PC, -1, stack, StopReason.NO_UNWIND_INFO, PC),
                new Case("malformed", UnwindRule.of(MALFORMED), PC, -1, stack, bad, PC),
                new Case(
                        "the kernel's registers", UnwindRule.of(REGISTERS, RSP, 0, 0, 0, 0, 0), PC, -1, stack, bad, PC),
                new Case(
                        "the kernel's frame",
                        UnwindRule.of(PARTIAL_REGISTERS, RSP, 0, 0, 0, 0, 0),
                        PC,
                        -1,
                        stack,
                        bad,
                        PC),
                new Case("zero", usual, PC, -1, words(0x18, 0), StopReason.END_OF_STACK, PC),
                new Case("no return address", far, PC, -1, stack, StopReason.DUMP_EXHAUSTED, PC),
                new Case("RBP for RBP", atRbp, PC, RBP, stack, bad, PC, CALLER),
                new Case("RBP for the next", usual, PC, RBP, stack, bad, PC, CALLER),
                new Case("RBX", UnwindRule.of(CALL, RBX, 0x20, RBP_SAME, 0, 0, 0), PC, RBX, stack, bad, PC),
                new Case("R10 after a call, unproven", usual, PC, -1, words(0x18, BY_R10 + 16), bad, PC, BY_R10 + 16));
    }

    @ParameterizedTest
    @MethodSource({"ordinaryCalls", "loadedCfas", "signals", "pltEntries", "ends"})
    void goesWhereTheWordSays(Case step) {
        AddressSpace space = SmallProgram.ofRules(
                List.of(
                        step.rule,
                        UnwindRule.of(CALL, RBP, 16, RBP_SAME, 0, 0, 0),
                        UnwindRule.of(CALL, R10, 0x20, RBP_SAME, 0, 0, 0),
                        UnwindRule.of(END),
                        UnwindRule.of(END)),
                512);
        Registers registers = new Registers();
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, SP);
        }
        registers.set(RIP, step.pc).set(RBP, OUTER_FRAME);
        if (step.unknown >= 0) {
            registers.forget(step.unknown);
        }
        SparseMemory memory = new SparseMemory().zero(SP, SP + DUMPED);
        ByteBuffer dump = ByteBuffer.allocate((int) DUMPED).order(ByteOrder.LITTLE_ENDIAN);
        put(memory, dump, OUTER_FRAME + 8 - SP, OUTER);
        put(memory, dump, OTHER_FRAME + 8 - SP, OTHER);
        for (int i = 0; i < step.stack.size(); i += 2) {
            put(memory, dump, step.stack.get(i), step.stack.get(i + 1));
        }
        for (boolean all : new boolean[] {false, true}) {
            Callchain fromMemory = new Callchain().recordRegisters(all);
            new UserUnwinder().unwind(space, registers, new StackDump().clear(SP), memory, fromMemory);
            assertChain(step, fromMemory);
            Callchain fromDump = new Callchain().recordRegisters(all);
            StackDump stack = new StackDump().set(MemorySegment.ofArray(dump.array()), 0, SP, DUMPED);
            UserUnwinder unwinder = new UserUnwinder();
            for (int again = 0; again < 3; again++) { // with cold caches, with warm ones, by what is kept of the stack
                unwinder.unwind(space, registers, stack, fromDump);
                assertChain(step, fromDump);
            }
        }
    }

    private static void put(SparseMemory memory, ByteBuffer dump, long distance, long word) {
        memory.put(SP + distance, word);
        dump.putLong((int) distance, word);
    }

    private static void assertChain(Case step, Callchain chain) {
        List<Long> pcs = new ArrayList<>();
        for (int frame = 0; frame < chain.size(); frame++) {
            pcs.add(chain.pc(frame));
        }
        assertEquals(step.pcs, pcs);
        assertEquals(step.stop, chain.stop());
    }
}
