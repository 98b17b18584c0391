package org.backstitch.elf.dwarf;

import java.util.Map;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
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

    /**
     * How many registers beyond the general ones may have rules at once. The psABI (table 3.36) and its extensions number 129 of them; a
     * state that is remembered over and over must not grow with the file.
     */
    static final int MAX_OTHERS = 256;

    int cfaRegister;
    long cfaOffset;
    /** Offset in the section of the CFA's expression (at its length), or {@link #NO_EXPRESSION}; the register and offset stay beside it. */
    long cfaExpression = NO_EXPRESSION;

    final long[] rules = new long[DENSE];

    /** Which of the registers in {@link #rules} have one: bit n for DWARF number n. */
    int specified;

    @Nullable
    TreeMap<Integer, Long> others;

    /** Whether another state has the same map: then it is copied before it changes. */
    private boolean othersShared;

    void copyFrom(RowState that) {
        cfaRegister = that.cfaRegister;
        cfaOffset = that.cfaOffset;
        cfaExpression = that.cfaExpression;
        System.arraycopy(that.rules, 0, rules, 0, DENSE);
        specified = that.specified;
        others = that.others;
        othersShared = true;
        that.othersShared = true;
    }

    /** Whether the state is made of numbers alone: no expressions, no registers beyond the general ones. */
    boolean isPlain() {
        if (cfaExpression != NO_EXPRESSION || hasOthers()) {
            return false;
        }
        for (long rule : rules) {
            if ((rule & (1 << KIND_BITS) - 1) >= EXPRESSION) {
                return false;
            }
        }
        return true;
    }

    /** Whether registers beyond the general ones have rules. */
    boolean hasOthers() {
        return others != null && !others.isEmpty();
    }

    long rule(int register) {
        if (register < DENSE) {
            return rules[register];
        }
        return others == null ? UNSPECIFIED : others.getOrDefault(register, (long) UNSPECIFIED);
    }

    /** Sets a register's rule; false if no more registers can have one. */
    boolean setRule(int register, long rule) {
        if (register < DENSE) {
            rules[register] = rule;
            int bit = 1 << register;
            specified = rule == UNSPECIFIED ? specified & ~bit : specified | bit;
            return true;
        }
        if (rule == rule(register)) {
            return true;
        }
        Map<Integer, Long> own = ownOthers();
        if (rule == UNSPECIFIED) {
            own.remove(register);
        } else {
            own.put(register, rule);
        }
        return own.size() <= MAX_OTHERS;
    }

    private Map<Integer, Long> ownOthers() {
        TreeMap<Integer, Long> own = others;
        if (own == null || othersShared) {
            own = own == null ? new TreeMap<>() : new TreeMap<>(own);
            others = own;
            othersShared = false;
        }
        return own;
    }

    /**
     * The row as an immutable object.
     *
     * @param section the section that the instructions, and so the expressions, lie in
     */
    UnwindRow row(Bytes section, int returnAddressRegister) {
        CfaRule cfa = cfaExpression == NO_EXPRESSION
                ? new CfaRule.RegisterOffset(cfaRegister, cfaOffset)
                : new CfaRule.Expression(expression(section, cfaExpression));
        TreeMap<Integer, RegisterRule> registers = new TreeMap<>();
        for (int register = 0; register < DENSE; register++) {
            put(registers, section, register, rules[register]);
        }
        if (others != null) {
            others.forEach((register, rule) -> put(registers, section, register, rule));
        }
        return new UnwindRow(cfa, registers, returnAddressRegister);
    }

    private static void put(Map<Integer, RegisterRule> registers, Bytes section, int register, long rule) {
        long operand = rule >> KIND_BITS;
        switch ((int) rule & ((1 << KIND_BITS) - 1)) {
            case UNDEFINED -> registers.put(register, new RegisterRule.Undefined());
            case SAME_VALUE -> registers.put(register, new RegisterRule.SameValue());
            case OFFSET -> registers.put(register, new RegisterRule.Offset(operand));
            case VAL_OFFSET -> registers.put(register, new RegisterRule.ValOffset(operand));
            case REGISTER -> registers.put(register, new RegisterRule.Register((int) operand));
            case EXPRESSION -> registers.put(register, new RegisterRule.Expression(expression(section, operand)));
            case VAL_EXPRESSION ->
                registers.put(register, new RegisterRule.ValExpression(expression(section, operand)));
            default -> {
                // Unspecified: a row says so by leaving the register out.
            }
        }
    }

    /** The operations of the expression whose length lies at an offset in the section; it was checked when its instruction was executed. */
    static Bytes expressionCode(Bytes section, long offset) {
        Cursor in = section.cursor(offset);
        long length = in.uleb128();
        return section.slice(in.position(), length);
    }

    /** The same as an expression by itself, which can be evaluated. */
    static DwarfExpression expression(Bytes section, long offset) {
        Bytes code = expressionCode(section, offset);
        return new DwarfExpression(code.copy(0, (int) code.size()), code.source(), code.origin());
    }
}
