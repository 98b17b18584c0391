package org.backstitch.unwind;

import static org.backstitch.unwind.SmallProgram.STACK;
import static org.backstitch.unwind.machine.X86_64.R14;
import static org.backstitch.unwind.machine.X86_64.RIP;
import static org.backstitch.unwind.machine.X86_64.RSP;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.junit.jupiter.api.Test;

/**
 * Hand-written call frame information whose return address column is that of R14 (DWARF 5 §6.4.1): what such a column says, and that it
 * keeps its value without a rule. gdb reads a function like this (a core whose callee keeps its return address in R14) in the same way.
 */
class ReturnColumnTest {
    private static final long TEXT = 0x1000;
    private static final long EH_FRAME = 0x8000;
    private static final long PC = TEXT + 8;
    private static final long CALLER = TEXT + 0x100; // behind the entry: the chain ends there

    private final Registers registers =
            new Registers().set(RIP, PC).set(RSP, STACK).set(R14, CALLER);
    private final Callchain chain = new Callchain().recordRegisters(true);

    /** {@code .eh_frame} as LSB 5.0 §10.6 has it: one CIE, one FDE with some instructions and {@code DW_CFA_nop}. */
    private static byte[] ehFrame(int... instructions) {
        ByteBuffer section = ByteBuffer.allocate(0x40).order(ByteOrder.LITTLE_ENDIAN);
        section.putInt(20).putInt(0); // length, CIE
        section.put((byte) 1).put(new byte[] {'z', 'R', 0}).put((byte) 1).put((byte)
                0x78); // version, alignments 1 and -8
        section.put((byte) 14).put((byte) 1).put((byte) 0x1b); // the column; pointers relative to themselves, 4 bytes
        section.put(new byte[] {0x0c, 7, 16}); // DW_CFA_def_cfa: r7 (rsp) + 16
        section.position(24).putInt(28).putInt(28); // length, distance to the CIE
        section.putInt((int) (TEXT - (EH_FRAME + 32))).putInt(0x40).put((byte) 0);
        for (int instruction : instructions) {
            section.put((byte) instruction);
        }
        return section.array();
    }

    private void walk(int... instructions) {
        byte[] text = new byte[0x1000];
        byte[] elf = new SyntheticElf(3)
                .segment(1, 5, TEXT, text)
                .section(".text", SyntheticElf.ALLOC | SyntheticElf.EXECINSTR, TEXT, text)
                .section(".eh_frame", SyntheticElf.ALLOC, EH_FRAME, ehFrame(instructions))
                .bytes();
        ElfModule module = new ModuleRegistry().module("function", ElfFile.of(Bytes.of(elf, "function")));
        AddressSpace space = AddressSpace.of(List.of(
                new Mapping(TEXT, TEXT + 0x1000, TEXT, true, "/function", module),
                new Mapping(STACK, STACK + 0x1000, 0, false, "[stack]", null)));
        ByteBuffer stack = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        stack.putLong(0, 0x1111).putLong(8, CALLER + 1);
        StackDump dump = new StackDump().set(MemorySegment.ofArray(stack.array()), 0, STACK, stack.capacity());
        new UserUnwinder().unwind(space, registers, dump, chain);
    }

    private void assertCaller(long pc, long r14) {
        assertEquals(2, chain.size(), chain.toString());
        assertEquals(pc, chain.pc(1));
        assertEquals(STACK + 16, chain.register(1, RSP));
        assertEquals(r14, chain.register(1, R14));
    }

    @Test
    void withoutRuleItKeepsItsValue() {
        walk();
        assertCaller(CALLER, CALLER);
    }

    @Test
    void sameValueSaysSo() {
        walk(0x08, 14); // DW_CFA_same_value
        assertCaller(CALLER, CALLER);
    }

    @Test
    void savedItIsTheRegisterToo() {
        walk(0x80 | 14, 1); // DW_CFA_offset: CFA - 8
        assertCaller(CALLER + 1, CALLER + 1);
    }

    @Test
    void undefinedIsTheOutermostFrame() {
        walk(0x07, 14); // DW_CFA_undefined
        assertEquals(1, chain.size());
        assertEquals(StopReason.END_OF_STACK, chain.stop());
    }

    @Test
    void unknownItSaysNothing() {
        registers.forget(R14);
        walk();
        assertEquals(1, chain.size());
        assertEquals(StopReason.BAD_UNWIND_INFO, chain.stop());
        assertFalse(chain.isKnown(0, R14));
    }
}
