package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.KernelStack;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.KernelUnwinder;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.OrcCompiler;

/** Kernel stacks, registers and rows, all made up: a walk ends with a reason, reads stacks only, and is the same twice. */
class KernelWalkFuzz {
    private static final long TEXT = 0xffff_ffff_8100_0000L;
    private static final long BASE = 0xffff_c900_0000_0000L;
    private static final long DISTANCE = 0x1_0000;
    private static final int STACKS = 3;
    private static final int ROWS = 16;
    private static final int ROW = 5;

    private static final OrcType[] TYPES = {OrcType.CALL, OrcType.REGS, OrcType.REGS_PARTIAL, OrcType.END_OF_STACK};
    private static final OrcRegister[] SP = {
        OrcRegister.SP,
        OrcRegister.BP,
        OrcRegister.SP_INDIRECT,
        OrcRegister.BP_INDIRECT,
        OrcRegister.SP_OFFSET_INDIRECT,
        OrcRegister.R10,
        OrcRegister.R13,
        OrcRegister.DX,
        OrcRegister.DI,
        OrcRegister.AX
    };
    private static final OrcRegister[] BP = {OrcRegister.UNDEFINED, OrcRegister.PREV_SP, OrcRegister.BP};

    @FuzzTest
    void kernelWalk(byte[] data) {
        run(data);
    }

    /** Stacks are equal parts of what follows the rows; reads elsewhere are faults of the walk. */
    private static final class Stacks implements Memory {
        private final long[][] words;

        Stacks(int size) {
            words = new long[STACKS][size];
        }

        @Override
        public boolean isReadable(long address, int length) {
            long stack = (address - BASE) / DISTANCE;
            long offset = (address - BASE) % DISTANCE;
            return address >= BASE
                    && stack < STACKS
                    && offset >= 0
                    && offset + length <= words[(int) stack].length * 8L;
        }

        @Override
        public long readLong(long address) {
            assertTrue(isReadable(address, 8), "memory that cannot be read");
            long[] stack = words[(int) ((address - BASE) / DISTANCE)];
            int offset = (int) ((address - BASE) % DISTANCE);
            int shift = (offset & 7) * 8;
            long low = stack[offset / 8] >>> shift;
            return shift == 0 ? low : low | stack[offset / 8 + 1] << (64 - shift);
        }

        @Override
        public Absence absence(long address) {
            return Absence.NOT_MAPPED;
        }
    }

    static void run(byte[] data) {
        if (data.length < ROWS * ROW + STACKS * 8) {
            return;
        }
        ByteBuffer input = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        long[] rules = new long[ROWS];
        for (int i = 0; i < ROWS; i++) {
            int shape = input.get() & 0xff;
            rules[i] = OrcCompiler.rule(entry(shape, input.getShort(), input.getShort()));
        }
        int words = Math.min(input.remaining() / 4 / STACKS, 2048);
        Stacks memory = new Stacks(words);
        List<KernelStack> stacks = new ArrayList<>();
        for (int stack = 0; stack < STACKS; stack++) {
            for (int i = 0; i < words; i++) {
                memory.words[stack][i] = word(input.getInt());
            }
            long start = BASE + stack * DISTANCE;
            stacks.add(new KernelStack("s" + stack, start, start + words * 8L));
        }
        KernelUnwinder unwinder = new KernelUnwinder(pc -> rules[(int) (pc & ROWS - 1)], memory);
        String first = walk(unwinder, memory, KernelStacks.of(stacks), words);
        assertEquals(first, walk(unwinder, memory, KernelStacks.of(stacks), words));
    }

    private static OrcEntry entry(int shape, short spOffset, short bpOffset) {
        OrcType type = TYPES[shape & 3];
        if (type == OrcType.END_OF_STACK) {
            return OrcEntry.END_OF_STACK;
        }
        OrcRegister sp = SP[(shape >>> 2 & 15) % SP.length];
        OrcRegister bp = BP[(shape >>> 6) % BP.length];
        return new OrcEntry(type, sp, spOffset, bp, bpOffset, (shape & 0x20) != 0);
    }

    private static long word(int code) {
        int operand = code >>> 2;
        return switch (code & 3) {
            case 0 -> TEXT + operand % 4096;
            case 1, 2 -> BASE + operand % STACKS * DISTANCE + operand / STACKS % 16384;
            default -> operand;
        };
    }

    private static String walk(KernelUnwinder unwinder, Stacks memory, KernelStacks stacks, int words) {
        KernelCallchain chain = new KernelCallchain();
        long[] registers = new long[X86_64.COUNT];
        for (int i = 0; i < registers.length; i++) {
            registers[i] = memory.words[1][i % words];
        }
        registers[X86_64.RIP] = TEXT + (registers[X86_64.RIP] & 0xfff);
        StopReason stop = unwinder.walkRegisters(registers, 0x10, stacks, chain);
        assertTrue(stop != StopReason.NONE && stop != StopReason.RECORDED, stop.label());
        assertEquals(stop, chain.stop());
        assertTrue(chain.size() <= STACKS * words * 8 + 1, "more frames than there are addresses on the stacks");
        StringBuilder text = new StringBuilder(stop.label());
        for (int i = 0; i < chain.size(); i++) {
            text.append(' ').append(Long.toHexString(chain.pc(i))).append(' ').append(Long.toHexString(chain.sp(i)));
        }
        return text.toString();
    }
}
