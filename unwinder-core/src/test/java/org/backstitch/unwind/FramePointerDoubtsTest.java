package org.backstitch.unwind;

import static org.backstitch.unwind.SmallProgram.FUNCTION;
import static org.backstitch.unwind.SmallProgram.STACK;
import static org.backstitch.unwind.SmallProgram.TEXT;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTableBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Frame pointers that are another frame's: a program of a function with a row, one with the row of a PLT's stubs, and code without rows
 * behind them, as Clang without optimisation leaves {@code __clang_call_terminate}.
 */
class FramePointerDoubtsTest {
    private static final long VADDR = 0x1000;
    private static final long MAIN = TEXT;
    private static final long PLT = TEXT + FUNCTION;
    private static final long ROWLESS = TEXT + 2 * FUNCTION;
    private static final long PC = ROWLESS + 20;
    private static final long CALLER = MAIN + 0x20;
    private static final long DATA = TEXT + 0x10_0000;
    private static final long BP = STACK + 0x40;

    private final byte[] text = new byte[4 * FUNCTION];
    private final SparseMemory memory = new SparseMemory();
    private final Callchain chain = new Callchain().recordRegisters(true);

    /** Puts {@code call target} in front of {@link #CALLER}. */
    private void call(long target) {
        int end = (int) (CALLER - TEXT);
        text[end - 5] = (byte) 0xe8;
        for (int i = 0; i < 4; i++) {
            text[end - 4 + i] = (byte) (target - CALLER >> 8 * i);
        }
    }

    private StopReason walk(long pc) {
        byte[] elf = new SyntheticElf(3).segment(1, 5, VADDR, text).bytes();
        long ordinary = UnwindRule.of(UnwindRule.CALL, X86_64.RSP, 16, UnwindRule.RBP_SAME, 0, 0, 0);
        long stub = UnwindRule.of(UnwindRule.PLT, X86_64.RSP, 8, UnwindRule.RBP_SAME, 0, 11, 0);
        UnwindTableBuilder table = new UnwindTableBuilder();
        table.addRow(VADDR, ordinary, SavedRegisters.SAME, null);
        table.addRow(VADDR + FUNCTION, stub, SavedRegisters.SAME, null);
        table.addGap(VADDR + 2L * FUNCTION);
        ElfFile file = ElfFile.of(Bytes.of(elf, "program"));
        long offset = file.segments().getFirst().fileOffset();
        ElfModule module = new ModuleRegistry().module("program", file, table.build());
        AddressSpace space = AddressSpace.of(List.of(
                new Mapping(TEXT, TEXT + text.length, offset, true, "/program", module),
                new Mapping(DATA, DATA + 0x1000, 0, false, "", null),
                new Mapping(STACK, STACK + 0x1000, 0, false, "[stack]", null)));
        Registers registers =
                new Registers().set(X86_64.RIP, pc).set(X86_64.RSP, STACK).set(X86_64.RBP, BP);
        new UserUnwinder().unwind(space, registers, new StackDump().clear(STACK), memory, chain);
        return chain.stop();
    }

    @ParameterizedTest
    @ValueSource(longs = {ROWLESS, PLT, PLT + 16})
    void aCallOfThatCode(long target) {
        call(target);
        memory.put(BP, 0).put(BP + 8, CALLER).put(BP + 24, 0);
        assertEquals(StopReason.END_OF_STACK, walk(PC));
        assertEquals(2, chain.size());
        assertEquals(CALLER, chain.pc(1));
        assertEquals(FrameOrigin.FRAME_POINTER, chain.origin(1));
    }

    @Test
    void aCallOfAnotherFunction() {
        call(MAIN);
        memory.put(BP, 0).put(BP + 8, CALLER).put(BP + 24, 0);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(PC), "its frame would be left out");
        assertEquals(1, chain.size());
    }

    @Test
    void aCallThatMayBeOfAnything() {
        text[0x20 - 2] = (byte) 0xff; // call *%rax
        text[0x20 - 1] = (byte) 0xd0;
        memory.put(BP, 0).put(BP + 8, CALLER).put(BP + 24, 0);
        assertEquals(StopReason.END_OF_STACK, walk(PC));
        assertEquals(2, chain.size());
    }

    /** A row leads to an address where no code can be: whose frame pointer RBP is, nobody knows. */
    @ParameterizedTest
    @ValueSource(longs = {DATA + 0x10, STACK + 0x10, 0x4141_4141_4141_4141L})
    void aCallerThatIsNoCode(long pc) {
        call(ROWLESS);
        memory.put(STACK + 8, pc);
        memory.put(BP, 0).put(BP + 8, CALLER).put(BP + 24, 0);
        assertEquals(StopReason.NO_UNWIND_INFO, walk(MAIN + 4));
        assertEquals(2, chain.size());
        assertEquals(pc, chain.pc(1));
    }

    /** Where nothing tells what is mapped there, code may be. */
    @Test
    void aCallerOfWhichNothingIsKnown() {
        call(ROWLESS);
        memory.put(STACK + 8, DATA + 0x10_0000);
        memory.put(BP, 0).put(BP + 8, CALLER).put(BP + 24, 0);
        assertEquals(StopReason.END_OF_STACK, walk(MAIN + 4));
        assertEquals(3, chain.size());
    }
}
