package org.backstitch.unwind.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.ModuleRegistry;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;

/**
 * A walker keeps rules, and frames of the stacks that it has seen. Whatever it has seen, a stack is walked as by one that has seen
 * nothing: also when it is the stack from before with a few words changed, cut off elsewhere, or begun further out.
 */
class RepeatedWalksTest {
    private static final long MAPPED = MadeUpProcess.BIAS + Function.TEXT;
    private static final long OTHER_BIAS = MadeUpProcess.BIAS + 0x10_0000;
    private static final int WORDS = 160;

    private static final CfaInstruction ADVANCE = new CfaInstruction.Advance(7, 0);

    /** Rows of the kinds that are met most, seven bytes each: with and without frame pointer, RBP saved and not, and one that is not plain. */
    private static Function function() {
        List<CfaInstruction> rows = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            rows.addAll(List.of(
                    ADVANCE,
                    new CfaInstruction.DefineCfaOffset(16),
                    ADVANCE,
                    new CfaInstruction.Offset(6, 2, 0),
                    ADVANCE,
                    new CfaInstruction.DefineCfaRegister(6),
                    ADVANCE,
                    new CfaInstruction.DefineCfa(7, 40),
                    ADVANCE,
                    new CfaInstruction.ValExpression(3, List.of(new Operation.RegisterPlus(7, 8, false))),
                    ADVANCE,
                    new CfaInstruction.DefineCfa(7, 8),
                    new CfaInstruction.Restore(6, false),
                    new CfaInstruction.Restore(3, false)));
        }
        return new Function(
                List.of(new CfaInstruction.DefineCfa(7, 8), new CfaInstruction.Offset(16, 1, 0)),
                rows,
                1,
                -8,
                false,
                CfiAssembler.Pointers.PC_RELATIVE_4,
                false);
    }

    private static AddressSpace space(ElfModule module, long bias) {
        return AddressSpace.of(List.of(
                new Mapping(
                        bias + Function.TEXT,
                        bias + Function.TEXT + Function.TEXT_SIZE,
                        Function.TEXT,
                        true,
                        "/function",
                        module),
                new Mapping(MadeUpProcess.STACK, MadeUpProcess.STACK + 0x1_0000, 0, false, "[stack]", null)));
    }

    private static long word(Random random) {
        return switch (random.nextInt(10)) {
            case 0, 1, 2, 3, 4, 5 -> MAPPED + Function.START - Function.TEXT + random.nextInt(Function.LENGTH);
            case 6, 7, 8 -> MadeUpProcess.STACK + 8L * random.nextInt(WORDS);
            default -> random.nextInt(3);
        };
    }

    @Property
    void whatAWalkerHasSeenDoesNotShow(@ForAll long seed) {
        Random random = new Random(seed);
        ModuleRegistry registry = new ModuleRegistry();
        ElfModule module = registry.module("function", function().elf());
        AddressSpace[] spaces = {space(module, MadeUpProcess.BIAS), space(module, OTHER_BIAS)};
        UserUnwinder experienced = new UserUnwinder();
        byte[] stack = new byte[WORDS * 8];
        ByteBuffer words = ByteBuffer.wrap(stack).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < WORDS; i++) {
            words.putLong(8 * i, word(random));
        }
        Registers registers = new Registers();
        registers.set(X86_64.RBP, MadeUpProcess.STACK);
        registers.set(X86_64.RBX, 3);
        for (int round = 0; round < 24; round++) {
            for (int change = random.nextInt(4); change > 0; change--) {
                words.putLong(8 * random.nextInt(WORDS), word(random));
            }
            if (random.nextInt(3) == 0) {
                registers.set(X86_64.RBP, word(random));
            }
            int from = random.nextInt(3) == 0 ? random.nextInt(40) : 4;
            int length = random.nextInt(3) == 0 ? random.nextInt(8 * (WORDS - from)) : 8 * (WORDS - from);
            registers.set(X86_64.RSP, MadeUpProcess.STACK + 8L * from);
            registers.set(X86_64.RIP, MadeUpProcess.BIAS + Function.START + random.nextInt(Function.LENGTH));
            AddressSpace space = spaces[random.nextInt(8) == 0 ? 1 : 0];
            StackDump dump = new StackDump().set(MemorySegment.ofArray(stack), 8L * from, registers.sp(), length);
            int limit = random.nextInt(4) == 0 ? 1 + random.nextInt(20) : Callchain.UNLIMITED;
            boolean all = random.nextInt(6) == 0;
            assertEquals(
                    walk(new UserUnwinder(), space, registers, dump, limit, all),
                    walk(experienced, space, registers, dump, limit, all),
                    "round " + round);
        }
    }

    private static String walk(
            UserUnwinder unwinder, AddressSpace space, Registers registers, StackDump dump, int limit, boolean all) {
        Callchain chain = new Callchain().limit(limit).recordRegisters(all);
        unwinder.unwind(space, registers, dump, chain);
        StringBuilder text = new StringBuilder(chain.toString());
        for (int i = 0; i < chain.size(); i++) {
            text.append(' ').append(chain.isExact(i)).append(chain.origin(i));
            for (int register = 0; all && register < X86_64.COUNT; register++) {
                text.append(chain.isKnown(i, register) ? Long.toHexString(chain.register(i, register)) : "-");
            }
        }
        return text.toString();
    }
}
