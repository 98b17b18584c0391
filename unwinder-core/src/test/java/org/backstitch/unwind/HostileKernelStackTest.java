package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.OrcCompiler;

/** Stacks and rows that someone has made up: whatever they say, a walk ends, with a reason, within the stacks. */
class HostileKernelStackTest {
    private static final int WORDS = 256;
    private static final long STACK_SIZE = WORDS * 8L;
    private static final int STACKS = 4;
    private static final long BASE = 0xffff_c900_0000_0000L;
    private static final long DISTANCE = 0x1_0000;
    private static final long TEXT = 0xffff_ffff_8100_0000L;

    /** The reasons that a walk of the kernel may give. */
    private static final Set<StopReason> REASONS = EnumSet.of(
            StopReason.END_OF_STACK,
            StopReason.USER_REGISTERS,
            StopReason.NO_UNWIND_INFO,
            StopReason.BAD_STACK,
            StopReason.BAD_MEMORY,
            StopReason.NO_PROGRESS,
            StopReason.MISSING_REGISTER);

    /** Four stacks of words; reads elsewhere fail the test. */
    private static final class Words implements Memory {
        final long[][] words = new long[STACKS][WORDS];

        static long start(int stack) {
            return BASE + stack * DISTANCE;
        }

        @Override
        public boolean isReadable(long address, int length) {
            long offset = (address - BASE) % DISTANCE;
            long stack = (address - BASE) / DISTANCE;
            assertTrue(address >= BASE && stack < STACKS && offset + length <= STACK_SIZE, "outside of every stack");
            return offset % 8 == 0;
        }

        @Override
        public long readLong(long address) {
            return words[(int) ((address - BASE) / DISTANCE)][(int) ((address - BASE) % DISTANCE / 8)];
        }

        @Override
        public Absence absence(long address) {
            return Absence.NOT_MAPPED;
        }
    }

    private static KernelStacks stacks() {
        return KernelStacks.of(List.of(
                new KernelStack("0", Words.start(0), Words.start(0) + STACK_SIZE),
                new KernelStack("1", Words.start(1), Words.start(1) + STACK_SIZE),
                new KernelStack("2", Words.start(2), Words.start(2) + STACK_SIZE),
                new KernelStack("3", Words.start(3), Words.start(3) + STACK_SIZE)));
    }

    private static final OrcType[] TYPES = {OrcType.CALL, OrcType.CALL, OrcType.CALL, OrcType.REGS, OrcType.REGS_PARTIAL
    };
    private static final OrcRegister[] SP_REGISTERS = {
        OrcRegister.SP,
        OrcRegister.SP,
        OrcRegister.BP,
        OrcRegister.SP_INDIRECT,
        OrcRegister.BP_INDIRECT,
        OrcRegister.SP_OFFSET_INDIRECT,
        OrcRegister.R10,
        OrcRegister.DX
    };
    private static final OrcRegister[] BP_REGISTERS = {OrcRegister.UNDEFINED, OrcRegister.PREV_SP, OrcRegister.BP};

    /** One made-up row for each of 16 pcs. */
    private static long rule(long pc) {
        Random random = new Random(pc & 0xf);
        random.nextLong();
        return OrcCompiler.rule(new OrcEntry(
                TYPES[random.nextInt(TYPES.length)],
                SP_REGISTERS[random.nextInt(SP_REGISTERS.length)],
                (random.nextInt(24) - 8) * 8,
                BP_REGISTERS[random.nextInt(BP_REGISTERS.length)],
                (random.nextInt(16) - 8) * 8,
                random.nextBoolean()));
    }

    /** Mostly what leads on: addresses of stacks and of text. */
    private static long word(Random random) {
        return switch (random.nextInt(8)) {
            case 0, 1, 2, 3 -> Words.start(random.nextInt(STACKS)) + random.nextInt(WORDS) * 8L;
            case 4, 5, 6 -> TEXT + random.nextInt(16);
            default -> random.nextInt(4);
        };
    }

    @Property(tries = 3000)
    void everyWalkEnds(@ForAll long seed) {
        Random random = new Random(seed);
        Words memory = new Words();
        for (long[] stack : memory.words) {
            for (int i = 0; i < WORDS; i++) {
                stack[i] = word(random);
            }
        }
        KernelUnwinder unwinder = new KernelUnwinder(HostileKernelStackTest::rule, memory);
        KernelCallchain chain = new KernelCallchain();
        long[] registers = new long[X86_64.COUNT];
        for (int i = 0; i < registers.length; i++) {
            registers[i] = word(random);
        }
        registers[X86_64.RIP] = TEXT + random.nextInt(16);
        StopReason stop = unwinder.walkRegisters(registers, 0x10, stacks(), chain);
        assertTrue(REASONS.contains(stop), stop.label());
        assertTrue(chain.size() <= STACKS * WORDS + 1, "more frames than there are words on the stacks");
        assertEquals(stop, chain.stop());
    }
}
