package org.backstitch.dump.kernel;

import org.backstitch.elf.orc.OrcTable;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.RuleDictionary;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindInfo;

/**
 * An ORC table whose entries are compiled into rules, but whose rows are looked up as they were read: a dump has few addresses in
 * proportion to the half million rows of a kernel, so that compiling them would take longer than all look-ups. Immutable.
 */
final class OrcLookup implements UnwindInfo {
    private final OrcTable table;
    private final RuleDictionary dictionary = new RuleDictionary();
    /** Number in the dictionary of each of the table's distinct entries. */
    private final int[] numbers;

    OrcLookup(OrcTable table) {
        this.table = table;
        numbers = new int[table.distinctEntries()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = dictionary.intern(OrcCompiler.rule(table.distinctEntry(i)), SavedRegisters.SAME, null);
        }
    }

    @Override
    public int find(long vaddr) {
        int row = table.find(vaddr);
        return row < 0 ? 0 : numbers[table.entryIndex(row)];
    }

    @Override
    public RuleDictionary dictionary() {
        return dictionary;
    }

    /** The first address that a row covers; the table must not be empty. */
    long start() {
        return table.address(0);
    }

    /** The address behind the last row's own: what follows it is not covered by the table. */
    long end() {
        return table.address(table.size() - 1) + 1;
    }
}
