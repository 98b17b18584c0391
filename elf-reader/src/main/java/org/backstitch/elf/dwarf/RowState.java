package org.backstitch.elf.dwarf;

import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The rules of one row while call frame instructions change them: what {@code DW_CFA_remember_state} saves.
 *
 * <p>A register's rule is one {@code long}: its kind in the low three bits, its operand above. The sixteen general registers and the
 * return address lie in an array; vector and other registers, which hardly ever occur, in a map.
 */
final class RowState {
    static final int UNSPECIFIED = 0;
    static final int UNDEFINED = 1;
    static final int SAME_VALUE = 2;
    static final int OFFSET = 3;
    static final int VAL_OFFSET = 4;
    static final int REGISTER = 5;
    static final int EXPRESSION = 6;
    static final int VAL_EXPRESSION = 7;

    static final int KIND_BITS = 3;
    static final int DENSE = 17;
    static final long NO_EXPRESSION = -1;

    int cfaRegister;
    long cfaOffset;
    /** Offset in the section of the CFA's expression (at its length), or {@link #NO_EXPRESSION}; the register and offset stay beside it. */
    long cfaExpression = NO_EXPRESSION;

    final long[] rules = new long[DENSE];

    @Nullable
    TreeMap<Integer, Long> others;

    void copyFrom(RowState that) {
        cfaRegister = that.cfaRegister;
        cfaOffset = that.cfaOffset;
        cfaExpression = that.cfaExpression;
        System.arraycopy(that.rules, 0, rules, 0, DENSE);
        others = that.others == null ? null : new TreeMap<>(that.others);
    }

    long rule(int register) {
        if (register < DENSE) {
            return rules[register];
        }
        return others == null ? UNSPECIFIED : others.getOrDefault(register, (long) UNSPECIFIED);
    }

    void setRule(int register, long rule) {
        if (register < DENSE) {
            rules[register] = rule;
            return;
        }
        if (others == null) {
            others = new TreeMap<>();
        }
        if (rule == UNSPECIFIED) {
            others.remove(register);
        } else {
            others.put(register, rule);
        }
    }
}
