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
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.backstitch.unwind.SmallProgram.Row;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;

/** All registers of all frames, against a reading of the words that is as plain as can be. */
class FullWalkTest {
    private static final int WORDS = 512;
    private static final int FUNCTIONS = 12;
    private static final int FRAMES = 40;

    private final long[] words = new long[WORDS];
    private final List<Row> rows = new ArrayList<>();

    private void fill(Random random) {
        rows.clear();
        for (int i = 0; i < FUNCTIONS; i++) {
            int frame = 1 + random.nextInt(9);
            boolean onRbp = random.nextInt(4) == 0;
            int rbpMode = random.nextBoolean() ? UnwindRule.RBP_AT_CFA : UnwindRule.RBP_SAME;
            int rbpOffset = rbpMode == UnwindRule.RBP_SAME ? 0 : -16;
            long rule = random.nextInt(20) == 0
                    ? UnwindRule.of(UnwindRule.END)
                    : UnwindRule.of(
                            UnwindRule.CALL, onRbp ? X86_64.RBP : X86_64.RSP, 8L * frame, rbpMode, rbpOffset, 0, 0);
            rows.add(new Row(rule, saved(random)));
        }
        for (int i = 0; i < WORDS; i++) {
            words[i] = random.nextInt(3) == 0
                    ? STACK + 8L * random.nextInt(WORDS)
                    : TEXT + (long) random.nextInt(FUNCTIONS) * FUNCTION + 1 + random.nextInt(FUNCTION - 1);
        }
    }

    private static long saved(Random random) {
        long saved = SavedRegisters.SAME;
        for (int index = 0; index < SavedRegisters.COUNT; index++) {
            saved = switch (random.nextInt(12)) {
                case 0 -> SavedRegisters.withUndefined(saved, index);
                case 1 -> SavedRegisters.withSlot(saved, index, 8L * (1 + random.nextInt(3)));
                case 2 -> SavedRegisters.withSlot(saved, index, -8L * (250 + random.nextInt(20)));
                case 3, 4, 5, 6 -> SavedRegisters.withSlot(saved, index, -8L * (2 + random.nextInt(9)));
                default -> saved;
            };
        }
        return saved;
    }

    /** The frames as far as they are ordinary calls; registers by number, unknown ones left out. */
    private List<Map<Integer, Long>> frames(Map<Integer, Long> first, long dumpStart, long dumpEnd) {
        List<Map<Integer, Long>> frames = new ArrayList<>(List.of(first));
        while (frames.size() < FRAMES) {
            Map<Integer, Long> frame = frames.getLast();
            long lookup = frame.getOrDefault(X86_64.RIP, 0L) - (frames.size() == 1 ? 0 : 1);
            if (lookup < TEXT || lookup >= TEXT + FUNCTIONS * FUNCTION) {
                return frames;
            }
            Row row = rows.get((int) (lookup - TEXT) / FUNCTION);
            Long base = UnwindRule.kind(row.rule()) == UnwindRule.END ? null : frame.get(UnwindRule.base(row.rule()));
            long sp = frame.getOrDefault(X86_64.RSP, 0L);
            if (base == null || base + UnwindRule.cfaOffset(row.rule()) <= sp) {
                return frames;
            }
            long cfa = base + UnwindRule.cfaOffset(row.rule());
            if (cfa - 8 < dumpStart || cfa > dumpEnd) {
                return frames;
            }
            Map<Integer, Long> caller = new TreeMap<>(frame);
            caller.put(X86_64.RIP, at(cfa - 8));
            caller.put(X86_64.RSP, cfa);
            if (UnwindRule.rbpMode(row.rule()) == UnwindRule.RBP_AT_CFA) {
                restore(caller, X86_64.RBP, cfa - 16, sp, dumpStart, dumpEnd);
            }
            for (int index = 0; index < SavedRegisters.COUNT; index++) {
                int register = SavedRegisters.register(index);
                if (SavedRegisters.isUndefined(row.saved(), index)) {
                    caller.remove(register);
                } else if (!SavedRegisters.isSame(row.saved(), index)) {
                    long slot = cfa + SavedRegisters.cfaOffset(row.saved(), index);
                    restore(caller, register, slot, sp, dumpStart, dumpEnd);
                }
            }
            frames.add(caller);
        }
        return frames;
    }

    /** A slot that was not recorded: below RSP the register has been popped already, above it is lost. */
    private void restore(Map<Integer, Long> caller, int register, long slot, long sp, long start, long end) {
        if (slot >= start && slot + 8 <= end) {
            caller.put(register, at(slot));
        } else if (slot >= sp) {
            caller.remove(register);
        }
    }

    private long at(long address) {
        return words[(int) (address - STACK) / 8];
    }

    @Property(tries = 1000)
    void everyRegisterOfEveryFrame(@ForAll long seed) {
        Random random = new Random(seed);
        fill(random);
        AddressSpace space = SmallProgram.of(rows, WORDS);
        UserUnwinder unwinder = new UserUnwinder();
        Callchain chain = new Callchain().limit(FRAMES).recordRegisters(true);
        for (int sample = 0; sample < 10; sample++) {
            int top = random.nextInt(WORDS / 2);
            int count = WORDS - top - (random.nextInt(4) == 0 ? random.nextInt(WORDS - top) : 0);
            Map<Integer, Long> first = new TreeMap<>();
            Registers registers = new Registers();
            for (int register = 0; register < X86_64.COUNT; register++) {
                long value = register == X86_64.RSP
                        ? STACK + 8L * top
                        : register == X86_64.RIP
                                ? TEXT + random.nextInt(FUNCTIONS * FUNCTION)
                                : STACK + 8L * random.nextInt(WORDS);
                if (register == X86_64.RSP || register == X86_64.RIP || random.nextInt(10) != 0) {
                    first.put(register, value);
                    registers.set(register, value);
                }
            }
            ByteBuffer bytes = ByteBuffer.allocate(8 * count).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < count; i++) {
                bytes.putLong(words[top + i]);
            }
            long start = STACK + 8L * top;
            StackDump dump = new StackDump().set(MemorySegment.ofArray(bytes.array()), 0, start, 8L * count);
            unwinder.unwind(space, registers, dump, chain);
            List<Map<Integer, Long>> expected = frames(first, start, start + 8L * count);
            List<Map<Integer, Long>> actual = new ArrayList<>();
            for (int i = 0; i < Math.min(expected.size(), chain.size()); i++) {
                Map<Integer, Long> frame = new TreeMap<>();
                for (int register = 0; register < X86_64.COUNT; register++) {
                    if (chain.isKnown(i, register)) {
                        frame.put(register, chain.register(i, register));
                    }
                }
                actual.add(frame);
            }
            assertEquals(expected, actual, "sample " + sample);
        }
    }
}
