package org.backstitch.elf.dwarf;

import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * One row of the table that call frame information describes (DWARF 5 §6.4.1), without the addresses it is for.
 *
 * <p>Rows with the same rules are equal, wherever they come from.
 */
public final class UnwindRow {
    private final CfaRule cfa;
    private final NavigableMap<Integer, RegisterRule> registers;
    private final int returnAddressRegister;
    private final int[] columns;
    private final RegisterRule[] rules;

    /**
     * A row.
     *
     * @param cfa how the CFA is computed
     * @param registers the rules of the registers that have one, by DWARF number, the return address column among them; a register
     *     without one is unspecified, which the ABI makes "same value" for callee-saved registers
     * @param returnAddressRegister the column that stands for the return address: 16 on x86-64
     */
    public UnwindRow(CfaRule cfa, NavigableMap<Integer, RegisterRule> registers, int returnAddressRegister) {
        this.cfa = cfa;
        this.registers = Collections.unmodifiableNavigableMap(new TreeMap<>(registers));
        this.returnAddressRegister = returnAddressRegister;
        columns = new int[registers.size()];
        rules = new RegisterRule[registers.size()];
        int index = 0;
        for (Map.Entry<Integer, RegisterRule> register : registers.entrySet()) {
            columns[index] = register.getKey();
            rules[index++] = register.getValue();
        }
    }

    /** How the CFA is computed. */
    public CfaRule cfa() {
        return cfa;
    }

    /** The rules of the registers that have one, by DWARF number. */
    public NavigableMap<Integer, RegisterRule> registers() {
        return registers;
    }

    /** The column that stands for the return address. */
    public int returnAddressRegister() {
        return returnAddressRegister;
    }

    /** How many registers have a rule: the same as {@link #registers} holds, to be gone through without an iterator. */
    public int size() {
        return columns.length;
    }

    /** The DWARF number of the register with rule {@code index}, by ascending numbers. */
    public int column(int index) {
        return columns[index];
    }

    /** Rule {@code index}. */
    public RegisterRule rule(int index) {
        return rules[index];
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof UnwindRow that
                && returnAddressRegister == that.returnAddressRegister
                && cfa.equals(that.cfa)
                && Arrays.equals(columns, that.columns)
                && Arrays.equals(rules, that.rules);
    }

    @Override
    public int hashCode() {
        return (31 * cfa.hashCode() + Arrays.hashCode(columns)) * 31 + Arrays.hashCode(rules);
    }

    @Override
    public String toString() {
        return "CFA " + cfa + ", " + registers;
    }
}
