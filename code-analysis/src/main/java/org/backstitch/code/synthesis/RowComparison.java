package org.backstitch.code.synthesis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.Value;
import org.backstitch.code.verify.Verdict;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.UnwindRule;

/** Compares made rows with those of another table, one instruction at a time. */
final class RowComparison {
    static final byte EQUAL = 1;
    static final byte EQUIVALENT = 2;
    static final byte DIFFERENT = 3;
    static final byte FOREIGN = 4;

    private static final int MOST_SHOWN = 10_000;

    private final OwnTable reference;
    private final List<Difference> differences = new ArrayList<>();

    /** Where rows differ that are claimed to be proved. */
    private long[] different = new long[16];

    private int differentCount;
    private final int[] counts = new int[FOREIGN + 1];
    private int unproved;
    private int missing;
    private int unreached;

    RowComparison(OwnTable reference) {
        this.reference = reference;
    }

    /** Compares a row that was made of {@code state}; 0 if the other table has none there, or says that there is no caller. */
    byte compare(long address, FrameRow row, StackState state) {
        long rule = reference.rule(address);
        if (!isRow(rule)) {
            return 0;
        }
        if (isSame(rule, row)) {
            return EQUAL;
        }
        int kind = UnwindRule.kind(rule);
        if (kind != UnwindRule.CALL && kind != UnwindRule.PLT) {
            return FOREIGN;
        }
        return meaning(rule, address, state);
    }

    private static boolean isRow(long rule) {
        return rule != UnwindRule.NONE && UnwindRule.kind(rule) != UnwindRule.END;
    }

    private static boolean isSame(long rule, FrameRow row) {
        FrameRow.Cfa cfa = row.cfa();
        FrameRow.Place rbp = row.rbp();
        boolean sameRbp = switch (UnwindRule.rbpMode(rule)) {
            case UnwindRule.RBP_SAME -> rbp.kind() == FrameRow.Kind.SAME;
            case UnwindRule.RBP_AT_CFA ->
                rbp.kind() == FrameRow.Kind.SLOT && rbp.offset() == UnwindRule.rbpOffset(rule);
            case UnwindRule.RBP_AT_BASE ->
                rbp.kind() == FrameRow.Kind.REGISTER_SLOT
                        && rbp.register() == UnwindRule.base(rule)
                        && rbp.offset() == UnwindRule.rbpOffset(rule);
            default -> false;
        };
        return sameRbp
                && cfa != null
                && UnwindRule.kind(rule) == UnwindRule.CALL
                && UnwindRule.isDereferenced(rule) == cfa.loaded()
                && !UnwindRule.isBaseDereferenced(rule)
                && cfa.index() == FrameRow.NO_INDEX
                && UnwindRule.addend(rule) == cfa.addend()
                && UnwindRule.base(rule) == cfa.base()
                && UnwindRule.cfaOffset(rule) == cfa.offset();
    }

    /**
     * Whether a rule leads to the CFA and to the caller's RBP in a state, in which the return address lies at CFA - 8. What it leads to may
     * not be known.
     */
    private static byte meaning(long rule, long address, StackState state) {
        long base = state.register(UnwindRule.base(rule));
        long offset = UnwindRule.cfaOffset(rule);
        if (UnwindRule.kind(rule) == UnwindRule.PLT) {
            offset += (address & 15) >= UnwindRule.addend(rule) ? 8 : 0;
        }
        long cfa = plus(base, offset);
        if (UnwindRule.isBaseDereferenced(rule)) {
            cfa = plus(state.memory(base), offset);
        } else if (UnwindRule.isDereferenced(rule)) {
            cfa = plus(state.memory(cfa), UnwindRule.addend(rule));
        }
        long rbp = switch (UnwindRule.rbpMode(rule)) {
            case UnwindRule.RBP_SAME -> state.register(X86_64.RBP);
            case UnwindRule.RBP_AT_CFA -> state.memory(Value.cfa((int) UnwindRule.rbpOffset(rule)));
            case UnwindRule.RBP_AT_BASE -> state.memory(plus(base, UnwindRule.rbpOffset(rule)));
            case UnwindRule.RBP_AT_RBP -> state.memory(plus(state.register(X86_64.RBP), UnwindRule.rbpOffset(rule)));
            default -> Value.UNKNOWN;
        };
        if (cfa == Value.cfa(0) && rbp == Value.initial(X86_64.RBP)) {
            return EQUIVALENT;
        }
        boolean wrongCfa = cfa != Value.cfa(0) && Value.kind(cfa) == Value.CFA;
        boolean wrongRbp = rbp != Value.initial(X86_64.RBP) && rbp != Value.UNKNOWN;
        return wrongCfa || wrongRbp ? DIFFERENT : FOREIGN;
    }

    private static long plus(long value, long offset) {
        return Value.isFrame(value) ? Value.of(Value.kind(value), Value.offset(value) + (int) offset) : Value.UNKNOWN;
    }

    /** Counts what {@link #compare} said of an instruction whose row was kept. */
    void count(long address, byte result, FrameRow row, boolean proved) {
        counts[result]++;
        unproved += result == DIFFERENT && !proved ? 1 : 0;
        if (result == DIFFERENT && proved) {
            if (differentCount == different.length) {
                different = Arrays.copyOf(different, 2 * differentCount);
            }
            different[differentCount++] = address;
        }
        if (result >= DIFFERENT && differences.size() < MOST_SHOWN) {
            differences.add(
                    new Difference(address, reference.rule(address), row.toString(), proved, result == FOREIGN, null));
        }
    }

    /** Counts an instruction that has no made row. */
    void missing(long address, boolean reached) {
        if (isRow(reference.rule(address))) {
            missing += reached ? 1 : 0;
            unreached += reached ? 0 : 1;
        }
    }

    /** All that was counted; where rows differ that are claimed to be proved, the other table is verified. */
    Comparison finish(Capstone capstone) {
        Map<Long, Verdict> verdicts = new HashMap<>();
        int contradicted = 0;
        if (differentCount > 0) {
            List<Verdict> all = reference.verify(Arrays.copyOf(different, differentCount), capstone);
            for (int i = 0; i < differentCount; i++) {
                contradicted += all.get(i) == Verdict.CONTRADICTED ? 1 : 0;
                verdicts.put(different[i], all.get(i));
            }
        }
        List<Difference> judged = new ArrayList<>();
        for (Difference one : differences) {
            judged.add(new Difference(
                    one.address(),
                    one.rule(),
                    one.made(),
                    one.proved(),
                    one.foreign(),
                    one.foreign() || !one.proved() ? null : verdicts.get(one.address())));
        }
        return new Comparison(
                counts[EQUAL],
                counts[EQUIVALENT],
                differentCount,
                contradicted,
                unproved,
                counts[FOREIGN],
                missing,
                unreached,
                judged);
    }
}
