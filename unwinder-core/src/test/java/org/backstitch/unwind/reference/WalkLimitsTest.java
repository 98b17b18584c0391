package org.backstitch.unwind.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.ModuleRegistry;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables that make up frames which no stack holds: every walk ends all the same. */
class WalkLimitsTest {
    private static final long PC = MadeUpProcess.BIAS + Function.START + 0x10;
    private static final long MAPPED = MadeUpProcess.BIAS + Function.TEXT;

    private static void walk(List<CfaInstruction> program, byte[] stack, Callchain chain) {
        walk(program, stack, 0, chain);
    }

    private static void walk(List<CfaInstruction> program, byte[] stack, long stackMapped, Callchain chain) {
        Function function = new Function(program, List.of(), 1, -8, false, CfiAssembler.Pointers.PC_RELATIVE_4, false);
        AddressSpace space = AddressSpace.of(List.of(new Mapping(
                MAPPED,
                MAPPED + Function.TEXT_SIZE,
                Function.TEXT,
                true,
                "/function",
                new ModuleRegistry().module("function", function.elf()))));
        if (stackMapped > 0) {
            space = space.with(
                    new Mapping(MadeUpProcess.STACK, MadeUpProcess.STACK + stackMapped, 0, false, "[stack]", null));
        }
        Registers registers = new Registers();
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, MadeUpProcess.STACK);
        }
        registers.set(X86_64.RIP, PC);
        StackDump dump = new StackDump().set(MemorySegment.ofArray(stack), 0, MadeUpProcess.STACK, stack.length);
        new UserUnwinder().unwind(space, registers, dump, chain);
    }

    private static Operation simple(Operation.Name name) {
        return new Operation.Simple(name);
    }

    /** RIP goes back and forth, RSP stays where it is, and RBX counts: no state ever comes back. */
    @Test
    void countingIsNoProgress() {
        List<CfaInstruction> program = List.of(
                new CfaInstruction.DefineCfa(7, 0),
                new CfaInstruction.ValExpression(3, List.of(new Operation.RegisterPlus(3, 1, false))),
                new CfaInstruction.ValExpression(
                        16,
                        List.of(
                                new Operation.RegisterPlus(16, 0, false),
                                new Operation.Constant(2, 0),
                                simple(Operation.Name.XOR))));
        Callchain chain = new Callchain().recordRegisters(true);
        walk(program, new byte[8], chain);
        assertEquals(StopReason.NO_PROGRESS, chain.stop());
        assertTrue(chain.size() > 1 << 16 && chain.size() < (1 << 16) + 4, "frames: " + chain.size());
        assertEquals(MadeUpProcess.STACK + 0x1234, chain.register(0x1234, X86_64.RBX));

        // With RIP, RSP and RBP only, the state comes back at once.
        Callchain plain = new Callchain();
        walk(program, new byte[8], plain);
        assertEquals(StopReason.NO_PROGRESS, plain.stop());
        assertEquals(2, plain.size());
    }

    /** The stack pointer goes up and up, and nothing is ever read from there. */
    @Test
    void framesWithoutAStackAreBounded() {
        List<CfaInstruction> program = List.of(
                new CfaInstruction.DefineCfa(7, 16),
                new CfaInstruction.ValExpression(16, List.of(new Operation.RegisterPlus(16, 0, false))));
        Callchain chain = new Callchain().limit(5000);
        walk(program, new byte[8], chain);
        assertEquals(StopReason.MAX_STACK, chain.stop());
        assertEquals(5000, chain.size());
        assertEquals(1 << 24, new Callchain().limit());
        assertEquals(1 << 24, new Callchain().limit(Integer.MAX_VALUE).limit());
    }

    /** A dump of six bytes can be read to its end, four bytes at a time. */
    @Test
    void aDumpShorterThanAWordIsReadToItsEnd() {
        Operation slot = new Operation.RegisterPlus(7, 2, false);
        List<CfaInstruction> program = List.of(
                new CfaInstruction.DefineCfa(7, 16),
                new CfaInstruction.ValExpression(16, List.of(slot, new Operation.Dereference(4))));
        Callchain chain = new Callchain();
        walk(program, new byte[] {1, 2, 0x78, 0x56, 0x34, 0x12}, chain);
        assertEquals(2, chain.size());
        assertEquals(0x12345678L, chain.pc(1));
        Callchain tooFar = new Callchain();
        walk(program, new byte[] {1, 2, 0x78, 0x56, 0x34}, tooFar);
        assertEquals(1, tooFar.size());
        assertEquals(StopReason.DUMP_EXHAUSTED, tooFar.stop());
    }

    /** What a return slot that cannot be read is called, by where it lies and by what of the data was recorded. */
    @ParameterizedTest
    @CsvSource({
        // distance from RSP, bytes of stack mapping recorded (0: none), reason
        "0x100, 0, DUMP_EXHAUSTED",
        "0x100, 0x1000, DUMP_EXHAUSTED",
        "0x1000, 0x1000, BAD_MEMORY",
        "0x4000, 0, DUMP_EXHAUSTED",
        "-0x10, 0, BAD_MEMORY",
        "-0x10, 0x1000, BAD_MEMORY",
        "-0x4000, 0, DUMP_EXHAUSTED",
        "-0x4000, 0x1000, BAD_MEMORY",
    })
    void aSlotThatCannotBeRead(String distance, String stackMapped, StopReason reason) {
        long slot = Long.decode(distance);
        long mapped = Long.decode(stackMapped);
        List<CfaInstruction> program = List.of(
                new CfaInstruction.DefineCfa(7, 16),
                new CfaInstruction.ValExpression(
                        16, List.of(new Operation.RegisterPlus(7, slot, false), new Operation.Dereference(8))));
        Callchain chain = new Callchain();
        walk(program, new byte[16], mapped, chain);
        assertEquals(reason, chain.stop());
        assertEquals(1, chain.size());
    }
}
