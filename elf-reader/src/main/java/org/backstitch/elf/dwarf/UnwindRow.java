package org.backstitch.elf.dwarf;

import java.util.Collections;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * One row of the table that call frame information describes (DWARF 5 §6.4.1), without the addresses it is for.
 *
 * <p>Rows with the same rules are equal, wherever they come from.
 *
 * @param cfa how the CFA is computed
 * @param registers the rules of the registers that have one, by DWARF number, the return address column among them; a register without
 *     one is unspecified, which the ABI makes "same value" for callee-saved registers
 * @param returnAddressRegister the column that stands for the return address: 16 on x86-64
 */
public record UnwindRow(CfaRule cfa, NavigableMap<Integer, RegisterRule> registers, int returnAddressRegister) {
    public UnwindRow {
        registers = Collections.unmodifiableNavigableMap(new TreeMap<>(registers));
    }
}
