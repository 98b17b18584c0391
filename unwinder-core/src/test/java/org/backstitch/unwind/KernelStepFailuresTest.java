package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.machine.PtRegs;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.UnwindRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Steps of the kernel's walk that must not be made: the chain ends with the frame before, whatever it was that could not be read. */
class KernelStepFailuresTest {
    private static final long CODE = 0xffff_ffff_8100_0000L;
    private static final long CALLER = CODE + 0x1000;
    private static final long TASK = 0xffff_c900_0010_0000L;
    private static final long TASK_END = TASK + 0x4000;
    private static final long SP = TASK + 0x1000;
    private static final long BP = TASK + 0x2000;
    private static final long ELSEWHERE = 0xffff_8880_0000_0000L;
    private static final long KERNEL_CS = 0x10;
    private static final long USER_CS = 0x33;
    private static final KernelStacks STACKS = KernelStacks.ofTask(TASK, TASK_END);

    private final SparseMemory memory = new SparseMemory();
    private final KernelCallchain chain = new KernelCallchain();
    private long row = OrcCompiler.rule(OrcEntry.UNDEFINED);

    private KernelUnwinder unwinder() {
        long end = OrcCompiler.rule(OrcEntry.END_OF_STACK);
        return new KernelUnwinder(
                pc -> pc >= CALLER && pc < CALLER + 0x100 ? end : pc == CODE ? row : UnwindRule.NONE, memory);
    }

    private static OrcEntry entry(OrcType type, OrcRegister sp, int spOffset, OrcRegister bp, int bpOffset) {
        return new OrcEntry(type, sp, spOffset, bp, bpOffset, type != OrcType.CALL);
    }

    private static OrcEntry entry(OrcType type, OrcRegister sp, int offset) {
        return entry(type, sp, offset, OrcRegister.UNDEFINED, 0);
    }

    private static long[] cpu(long sp, long bp) {
        long[] values = new long[X86_64.COUNT];
        values[X86_64.RIP] = CODE;
        values[X86_64.RSP] = sp;
        values[X86_64.RBP] = bp;
        return values;
    }

    private void putRegisters(long address) {
        for (int at = 0; at < PtRegs.SIZE; at += Long.BYTES) {
            memory.put(address + at, 0);
        }
        memory.put(address + PtRegs.offset(X86_64.RIP), CALLER + 1);
        memory.put(address + PtRegs.offset(X86_64.RSP), address + PtRegs.SIZE);
        memory.put(address + PtRegs.CS, KERNEL_CS);
    }

    /** A row, what it reads in a row of words (the last of which is then not there), and what it begins at. */
    static Stream<Arguments> reads() {
        return Stream.of(
                arguments("return address", entry(OrcType.CALL, OrcRegister.SP, 16), List.of(SP + 8)),
                arguments("*(sp)+16", entry(OrcType.CALL, OrcRegister.SP_INDIRECT, 16), List.of(SP)),
                arguments("*(bp-8)", entry(OrcType.CALL, OrcRegister.BP_INDIRECT, -8), List.of(BP - 8)),
                arguments(
                        "rbp below the CFA",
                        entry(OrcType.CALL, OrcRegister.SP, 32, OrcRegister.PREV_SP, -16),
                        List.of(SP + 24, SP + 16)),
                arguments(
                        "rbp at RBP",
                        entry(OrcType.CALL, OrcRegister.SP, 16, OrcRegister.BP, -8),
                        List.of(SP + 8, BP - 8)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("reads")
    void aWordThatIsNotThereEndsTheChain(String what, OrcEntry entry, List<Long> words) {
        row = OrcCompiler.rule(entry);
        for (long word : words.subList(0, words.size() - 1)) {
            memory.put(word, CALLER + 1);
        }
        assertEquals(StopReason.BAD_MEMORY, unwinder().walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain), what);
        assertEquals(1, chain.size());
        assertEquals(StopReason.BAD_MEMORY, chain.stop());
        // With that word, which leads to a stack that ends in a return address.
        long cfa = SP + (what.endsWith("+16") ? 0xf0 : 0x100);
        memory.put(words.getLast(), what.startsWith("*") ? cfa : CALLER + 1).put(SP + 0xf8, CALLER + 1);
        assertEquals(StopReason.END_OF_STACK, unwinder().walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain));
        assertEquals(2, chain.size());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("reads")
    void aWordThatIsOnNoStackEndsTheChain(String what, OrcEntry entry, List<Long> words) {
        row = OrcCompiler.rule(entry);
        // What is based on RSP is moved off the stack by ending the stack there, what is based on RBP by an RBP
        // elsewhere.
        boolean byRbp = words.getLast() >= BP - 8;
        KernelStacks stacks = byRbp ? STACKS : KernelStacks.ofTask(TASK, words.getLast());
        words.forEach(word -> memory.put(word, CALLER + 1));
        memory.put(ELSEWHERE - 8, CALLER + 1).put(ELSEWHERE, CALLER + 1);
        if (words.size() == 2 && !byRbp) {
            stacks = KernelStacks.ofTask(SP + 24, TASK_END); // the return address is on it, the saved RBP is not
        }
        StopReason stop = unwinder().walkRegisters(cpu(SP, ELSEWHERE), KERNEL_CS, stacks, chain);
        assertEquals(StopReason.BAD_STACK, stop, what);
        assertEquals(1, chain.size());
    }

    @Test
    void registersOfWhichSomeAreNotThere() {
        for (OrcType type : List.of(OrcType.REGS, OrcType.REGS_PARTIAL)) {
            row = OrcCompiler.rule(entry(type, OrcRegister.SP, 0));
            long size = type == OrcType.REGS ? PtRegs.SIZE : PtRegs.IRET_FRAME_SIZE;
            long sp = type == OrcType.REGS ? SP : SP + 0x800;
            for (long at = 0; at < size - 8; at += Long.BYTES) {
                memory.put(sp + at, 0);
            }
            assertEquals(StopReason.BAD_MEMORY, unwinder().walkRegisters(cpu(sp, BP), KERNEL_CS, STACKS, chain));
            assertEquals(1, chain.size());
            // On the stack up to its end, and no further.
            KernelStacks shorter = KernelStacks.ofTask(TASK, sp + size - 8);
            assertEquals(StopReason.BAD_STACK, unwinder().walkRegisters(cpu(sp, BP), KERNEL_CS, shorter, chain));
            assertEquals(1, chain.size());
        }
    }

    @Test
    void aBaseThatIsInNoRegisterKnown() {
        row = OrcCompiler.rule(entry(OrcType.CALL, OrcRegister.R10, 0));
        memory.put(SP, 0);
        assertEquals(StopReason.MISSING_REGISTER, unwinder().walkSleeping(SP, BP, CODE + 1, false, STACKS, chain));
        assertEquals(1, chain.size());
        assertEquals(StopReason.MISSING_REGISTER, chain.stop());
    }

    @Test
    void aChainThatIsUsedAgainSaysWhatTheNewWalkCameTo() {
        row = OrcCompiler.rule(entry(OrcType.CALL, OrcRegister.SP, 16));
        memory.put(SP + 8, CALLER + 1);
        KernelUnwinder unwinder = unwinder();
        assertEquals(StopReason.END_OF_STACK, unwinder.walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain));
        assertEquals(2, chain.size());
        assertTrue(chain.isInterrupted(0));
        assertFalse(chain.hasFullRegisters(0), "they are in no memory");

        assertEquals(StopReason.USER_REGISTERS, unwinder.walkRegisters(cpu(SP, BP), USER_CS, STACKS, chain));
        assertEquals(StopReason.USER_REGISTERS, chain.stop());
        assertEquals(0, chain.size());
        assertTrue(chain.hasUserFrame());

        unwinder.walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain);
        assertFalse(chain.hasUserFrame());
        assertEquals(StopReason.BAD_MEMORY, unwinder.walkSavedRegisters(BP, STACKS, chain));
        assertEquals(StopReason.BAD_MEMORY, chain.stop());
        assertEquals(0, chain.size());

        unwinder.walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain);
        putRegisters(BP);
        memory.put(BP + PtRegs.CS, USER_CS);
        assertEquals(StopReason.USER_REGISTERS, unwinder.walkSavedRegisters(BP, STACKS, chain));
        assertEquals(StopReason.USER_REGISTERS, chain.stop());
        assertEquals(0, chain.size());

        putRegisters(BP);
        assertEquals(StopReason.END_OF_STACK, unwinder.walkSavedRegisters(BP, STACKS, chain));
        assertTrue(chain.hasFullRegisters(0));
        assertEquals(BP, chain.registersAddress(0));
    }

    /** Hooks are asked with the slot that the return address was taken from; an interrupted RET had popped it. */
    @Test
    void hooksAreAskedForTheSlot() {
        List<Long> slots = new ArrayList<>();
        ReturnHooks hooks = (address, slot) -> {
            slots.add(slot);
            return address;
        };
        for (OrcType type : List.of(OrcType.CALL, OrcType.REGS, OrcType.REGS_PARTIAL)) {
            row = OrcCompiler.rule(entry(type, OrcRegister.SP, type == OrcType.CALL ? 16 : 0));
            putRegisters(SP);
            if (type == OrcType.CALL) {
                memory.put(SP + 8, CALLER + 1);
            } else if (type == OrcType.REGS_PARTIAL) {
                memory.put(SP, CALLER + 1).put(SP + 8, KERNEL_CS).put(SP + 24, SP + 0x200);
            }
            KernelUnwinder unwinder = unwinder();
            unwinder.setReturnHooks(hooks);
            assertEquals(StopReason.END_OF_STACK, unwinder.walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain));
        }
        assertEquals(List.of(SP + 8, SP + PtRegs.SIZE - 8, SP + 0x200 - 8), slots);
    }

    /** SP as the registers have it may not move down on a stack, whatever it is on. */
    @Test
    void registersBelowTheFrameThatTheyWereFoundFrom() {
        row = OrcCompiler.rule(entry(OrcType.REGS, OrcRegister.SP, 0));
        for (long down : new long[] {0, 8, 0x100}) {
            putRegisters(SP);
            memory.put(SP + PtRegs.offset(X86_64.RSP), SP - down);
            assertEquals(StopReason.NO_PROGRESS, unwinder().walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain));
            assertEquals(1, chain.size());
        }
        putRegisters(SP);
        memory.put(SP + PtRegs.offset(X86_64.RSP), SP + 8);
        assertEquals(StopReason.END_OF_STACK, unwinder().walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain));
        assertEquals(2, chain.size());
    }

    /** An SP in the guard page below a stack is of that stack, and of none if it lies deeper. */
    @Test
    void anOverflowOfAtMostAPage() {
        row = OrcCompiler.rule(entry(OrcType.CALL, OrcRegister.SP, 0x1010));
        for (long below : new long[] {8, 0x800, 0xff8}) {
            memory.put(TASK - below + 0x1008, CALLER + 1);
            assertEquals(
                    StopReason.END_OF_STACK, unwinder().walkRegisters(cpu(TASK - below, BP), KERNEL_CS, STACKS, chain));
        }
        assertEquals(StopReason.BAD_STACK, unwinder().walkRegisters(cpu(TASK - 0x1008, BP), KERNEL_CS, STACKS, chain));
        assertEquals(StopReason.BAD_STACK, unwinder().walkRegisters(cpu(TASK - 0x1000, BP), KERNEL_CS, STACKS, chain));
    }

    @Test
    void limitsAreCheckedWhereTheyAreSet() {
        KernelUnwinder unwinder = unwinder();
        assertThrows(IllegalArgumentException.class, () -> unwinder.setMaxFrames(0));
        unwinder.setMaxFrames(1);
        row = OrcCompiler.rule(entry(OrcType.CALL, OrcRegister.SP, 16));
        memory.put(SP + 8, CALLER + 1);
        assertEquals(StopReason.MAX_STACK, unwinder.walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain));
        assertEquals(1, chain.size());
    }

    @Test
    void stacksHaveNoAddressesTwice() {
        assertEquals(0, new KernelStack("empty", TASK, TASK).end() - TASK);
        assertThrows(IllegalArgumentException.class, () -> new KernelStack("wrong", TASK + 1, TASK));
        KernelStack stack = new KernelStack("task", TASK, TASK + 16);
        assertTrue(stack.contains(TASK, 16));
        assertTrue(stack.contains(TASK + 16, 0));
        assertFalse(stack.contains(TASK + 1, 16));
        assertFalse(stack.contains(TASK, 17));
        assertFalse(stack.contains(TASK - 1, 1));
        List<KernelStack> most = new ArrayList<>();
        for (int i = 0; i < KernelStacks.MAX_COUNT; i++) {
            most.add(new KernelStack("s" + i, TASK + 16L * i, TASK + 16L * i + 16));
        }
        KernelStacks all = KernelStacks.of(most);
        assertEquals(KernelStacks.MAX_COUNT, all.size());
        assertEquals("s63", all.get(63).name());
        assertThrows(IllegalArgumentException.class, () -> all.withTask(0, 16));
    }

    @Test
    void chainsAreTheSameIfAllOfTheirFramesAre() {
        row = OrcCompiler.rule(entry(OrcType.REGS, OrcRegister.SP, 0));
        putRegisters(SP);
        KernelCallchain again = new KernelCallchain();
        unwinder().walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, chain);
        unwinder().walkRegisters(cpu(SP, BP), KERNEL_CS, STACKS, again);
        assertTrue(chain.sameFramesAs(again) && again.sameFramesAs(chain));
        assertEquals(2, chain.size());
        // One frame less, another pc, another SP, not interrupted there.
        again.clear();
        again.add(chain.pc(0), chain.sp(0), 0, true, 0, false);
        assertFalse(chain.sameFramesAs(again) || again.sameFramesAs(chain));
        long[][] others = {{1, 0, 0}, {0, 8, 0}, {0, 0, 1}};
        for (long[] other : others) {
            again.clear();
            again.add(chain.pc(0), chain.sp(0), 0, true, 0, false);
            again.add(chain.pc(1) + other[0], chain.sp(1) + other[1], 0, other[2] == 0, 0, false);
            assertFalse(chain.sameFramesAs(again), () -> Arrays.toString(other));
        }
        // The user's registers on top.
        again.clear();
        again.user(1, 2, 3, true);
        chain.clear();
        assertFalse(chain.sameFramesAs(again) || again.sameFramesAs(chain));
        for (long[] user : new long[][] {{1, 2}, {1, 3}, {0, 2}}) {
            chain.clear();
            chain.user(user[0], user[1], 3, true);
            assertEquals(user[0] == 1 && user[1] == 2, chain.sameFramesAs(again));
        }
    }
}
