package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
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
import org.backstitch.unwind.machine.X86_64;

/**
 * A stack, registers and call frame information, all made up: the walk ends with a reason, and every way of walking it gives the same
 * chain (with a cold and a warm cache, by single look-ups and by the compiled table, with RIP, RSP and RBP only and with all
 * registers).
 */
class UserWalkFuzz {
    private static final long BIAS = 0x5555_5555_0000L;
    private static final long STACK = 0x7fff_0000_0000L;
    private static final int MAX_FRAMES = 500;
    private static final Set<StopReason> REASONS = EnumSet.of(
            StopReason.END_OF_STACK,
            StopReason.DUMP_EXHAUSTED,
            StopReason.NO_UNWIND_INFO,
            StopReason.BAD_MEMORY,
            StopReason.NO_PROGRESS,
            StopReason.MAX_STACK,
            StopReason.BAD_UNWIND_INFO);

    @FuzzTest
    void userWalk(byte[] data) {
        run(data);
    }

    /**
     * The first byte is how many words of stack there are, then a word for each, then {@link CfiModule}'s input. Of a word the low two bits
     * say what it is: an address of code, an address of the stack, a number, or the raw word.
     */
    static void run(byte[] data) {
        if (data.length < 8) {
            return;
        }
        int words = Math.min(data[0] & 0xff, (data.length - 1) / 4);
        ByteBuffer input = ByteBuffer.wrap(data, 1, data.length - 1).order(ByteOrder.LITTLE_ENDIAN);
        // An odd first byte cuts the last word of the stack in two.
        ByteBuffer stack = ByteBuffer.allocate(words * 8).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < words; i++) {
            stack.putLong(word(input.getInt()));
        }
        byte[] bytes = stack.array();
        bytes = (data[0] & 1) != 0 ? Arrays.copyOf(bytes, Math.max(0, bytes.length - 3)) : bytes;
        ElfFile elf = CfiModule.of(Arrays.copyOfRange(data, 1 + words * 4, data.length));
        walk(elf, bytes);
    }

    private static long word(int code) {
        int operand = code >>> 2;
        return switch (code & 3) {
            case 0 -> BIAS + CfiModule.TEXT + operand % CfiModule.TEXT_SIZE;
            case 1 -> STACK + operand % 2048;
            case 2 -> operand;
            default -> (long) operand * 0x1_0000_0001L;
        };
    }

    private static void walk(ElfFile elf, byte[] stack) {
        ModuleRegistry registry = new ModuleRegistry();
        ElfModule module = registry.module("input", elf);
        AddressSpace space = AddressSpace.of(List.of(
                new Mapping(
                        BIAS + CfiModule.TEXT, BIAS + CfiModule.TEXT + CfiModule.TEXT_SIZE, 0x1000, true, "/m", module),
                new Mapping(STACK, STACK + 0x1000, 0, false, "[stack]", null)));
        Registers registers = registers(stack);
        StackDump dump = new StackDump().set(MemorySegment.ofArray(stack), 0, STACK, stack.length);
        UserUnwinder unwinder = new UserUnwinder();
        Callchain chain = new Callchain().limit(MAX_FRAMES);
        String first = chain(unwinder, space, registers, dump, chain);
        for (int i = 0; i < 4; i++) {
            // The module's look-ups are counted, and in the end its table is compiled: nothing may change by that.
            assertEquals(first, chain(unwinder, space, registers, dump, chain), "warm");
        }
        assertEquals(first, chain(new UserUnwinder(), space, registers, dump, chain), "with a new walker");
        changed(unwinder, space, stack);
        Callchain full = new Callchain().limit(MAX_FRAMES).recordRegisters(true);
        assertEquals(first, chain(unwinder, space, registers, dump, full), "with all registers");
        for (int i = 0; i < full.size(); i++) {
            assertEquals(full.pc(i), full.register(i, X86_64.RIP));
        }
    }

    /** The same stack with words changed and begun further out: the walker must not show that it has seen the one before. */
    private static void changed(UserUnwinder experienced, AddressSpace space, byte[] stack) {
        int words = stack.length / 8;
        for (int change = 1; change < Math.min(words, 6); change++) {
            byte[] other = stack.clone();
            int from = (stack[change] & 0xff) % words;
            int to = (stack[change + 8] & 0xff) % words;
            System.arraycopy(stack, 8 * from, other, 8 * to, 8);
            int start = change % 3 == 0 ? 8 * (from % 8) : 0;
            Registers registers = registers(other);
            registers.set(X86_64.RSP, STACK + start);
            StackDump dump =
                    new StackDump().set(MemorySegment.ofArray(other), start, STACK + start, other.length - start);
            Callchain chain = new Callchain().limit(MAX_FRAMES);
            String expected = chain(new UserUnwinder(), space, registers, dump, chain);
            assertEquals(expected, chain(experienced, space, registers, dump, chain), "after other stacks");
        }
    }

    private static Registers registers(byte[] stack) {
        Registers registers = new Registers();
        ByteBuffer words = ByteBuffer.wrap(stack).order(ByteOrder.LITTLE_ENDIAN);
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, words.remaining() >= 8 ? words.getLong() : STACK + register * 8L);
        }
        registers.set(X86_64.RSP, STACK);
        return registers;
    }

    private static String chain(
            UserUnwinder unwinder, AddressSpace space, Registers registers, StackDump dump, Callchain chain) {
        unwinder.unwind(space, registers, dump, chain);
        assertTrue(REASONS.contains(chain.stop()), chain.stop().label());
        assertTrue(chain.size() >= 1 && chain.size() <= MAX_FRAMES);
        StringBuilder text = new StringBuilder(chain.toString());
        for (int i = 0; i < chain.size(); i++) {
            text.append(' ').append(chain.isExact(i)).append(chain.origin(i));
        }
        return text.toString();
    }
}
