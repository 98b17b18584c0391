package org.backstitch.unwind;

import static org.backstitch.unwind.SmallProgram.FUNCTION;
import static org.backstitch.unwind.SmallProgram.STACK;
import static org.backstitch.unwind.SmallProgram.TEXT;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.UnwindRule;

/** A walker that remembers the stack before, against one that remembers nothing: the chains are the same, whatever has changed. */
class ChangingStackTest {
    private static final int WORDS = 96;

    private static long call(int base, int cfaOffset, int rbpMode, int rbpOffset) {
        return UnwindRule.of(UnwindRule.CALL, base, cfaOffset, rbpMode, rbpOffset, 0, 0);
    }

    @Provide
    Arbitrary<List<Long>> rules() {
        Arbitrary<Integer> words = Arbitraries.integers().between(1, 6);
        Arbitrary<Long> withoutRbp = words.map(n -> call(X86_64.RSP, 8 * n, UnwindRule.RBP_SAME, 0));
        Arbitrary<Long> savesRbp = words.map(n -> call(X86_64.RSP, 8 * n + 8, UnwindRule.RBP_AT_CFA, -16));
        Arbitrary<Long> keepsRbp = Arbitraries.of(false, true)
                .map(saved -> call(X86_64.RBP, 16, saved ? UnwindRule.RBP_AT_CFA : 0, saved ? -16 : 0));
        Arbitrary<Long> rare = Arbitraries.of(
                UnwindRule.of(UnwindRule.END),
                UnwindRule.of(UnwindRule.UNDEFINED),
                call(X86_64.RSP, 0, UnwindRule.RBP_SAME, 0),
                UnwindRule.of(UnwindRule.SIGNAL, X86_64.RSP, 16, UnwindRule.RBP_AT_BASE, 8, 0, UnwindRule.EXACT_CALLER),
                UnwindRule.of(UnwindRule.CALL, X86_64.RBP, 8, UnwindRule.RBP_AT_CFA, -16, 0, UnwindRule.DEREF));
        return Arbitraries.frequencyOf(
                        Tuple.of(6, withoutRbp), Tuple.of(6, savesRbp), Tuple.of(6, keepsRbp), Tuple.of(1, rare))
                .list()
                .ofSize(12);
    }

    /** A stack that changes from sample to sample as stacks do: mostly at its inner end. */
    private static final class ChangingStack {
        private final Random random;
        private final int functions;
        private final long[] words = new long[WORDS];
        private int top = WORDS / 2;
        private long pc;
        private long bp;

        ChangingStack(long seed, int functions) {
            random = new Random(seed);
            this.functions = functions;
            for (int i = 0; i < WORDS; i++) {
                words[i] = word();
            }
            pc = code();
            bp = STACK + 8L * random.nextInt(WORDS);
        }

        private long code() {
            return TEXT + random.nextInt(functions * FUNCTION);
        }

        /** What may lie on a stack: return addresses, a few of them at the edge of a function; addresses of the stack; anything. */
        private long word() {
            return switch (random.nextInt(10)) {
                case 0, 1, 2, 3, 4 -> TEXT + (long) random.nextInt(functions) * FUNCTION + random.nextInt(3) * 20L;
                case 5, 6, 7, 8 -> STACK + 8L * random.nextInt(WORDS);
                default -> random.nextInt(3);
            };
        }

        void change() {
            int moved = random.nextInt(9) - 4;
            top = Math.max(0, Math.min(WORDS - 8, top + moved));
            for (int i = 0; i < top + random.nextInt(6); i++) {
                words[i] = word();
            }
            if (random.nextInt(4) == 0) {
                words[random.nextInt(WORDS)] = word();
            }
            pc = code();
            if (random.nextInt(2) == 0) {
                bp = STACK + 8L * random.nextInt(WORDS);
            }
        }

        Registers registers() {
            return new Registers()
                    .set(X86_64.RIP, pc)
                    .set(X86_64.RSP, STACK + 8L * top)
                    .set(X86_64.RBP, bp);
        }

        /** The words from the stack pointer on; sometimes not to the end. */
        StackDump dump() {
            int count = WORDS - top - (random.nextInt(5) == 0 ? random.nextInt(WORDS - top) : 0);
            ByteBuffer bytes = ByteBuffer.allocate(8 * count).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < count; i++) {
                bytes.putLong(words[top + i]);
            }
            return new StackDump().set(MemorySegment.ofArray(bytes.array()), 0, STACK + 8L * top, 8L * count);
        }
    }

    @Property(tries = 3000)
    void chainsAreThoseOfAWalkThatRemembersNothing(@ForAll("rules") List<Long> rules, @ForAll long seed) {
        List<AddressSpace> spaces = new ArrayList<>(List.of(SmallProgram.ofRules(rules, WORDS)));
        ChangingStack stack = new ChangingStack(seed, rules.size());
        UserUnwinder remembering = new UserUnwinder();
        Callchain chain = new Callchain().limit(40);
        Callchain expected = new Callchain().limit(40);
        for (int i = 0; i < 30; i++) {
            AddressSpace space = spaces.getLast();
            Registers registers = stack.registers();
            StackDump dump = stack.dump();
            remembering.unwind(space, registers, dump, chain);
            new UserUnwinder().unwind(space, registers, dump, expected);
            assertEquals(expected.toString(), chain.toString(), "sample " + i);
            stack.change();
        }
    }
}
