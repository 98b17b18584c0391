package org.backstitch.unwind.table;

import org.backstitch.elf.dwarf.UnwindRow;

/**
 * The unwind rules of one file, by virtual address as linked.
 *
 * <p>A look-up yields an index into the file's {@link RuleDictionary}; index 0 stands for "no row covers the address". Safe for any
 * number of threads.
 */
public interface UnwindInfo {
    /** The dictionary index of the rule for {@code vaddr}; 0 where no row covers it. */
    int find(long vaddr);

    /** The rules that {@link #find} speaks of. */
    RuleDictionary dictionary();

    /** The rule word for {@code vaddr}, or {@link UnwindRule#NONE}. */
    default long rule(long vaddr) {
        return dictionary().rule(find(vaddr));
    }

    /** Rules for nothing: of a file without unwind tables. */
    static UnwindInfo empty() {
        return new UnwindTableBuilder().build();
    }

    /** What a walk over all rows is told. */
    @FunctionalInterface
    interface RowVisitor {
        /**
         * One row.
         *
         * @param start the first vaddr that it covers
         * @param end the vaddr behind it
         * @param rule the {@link UnwindRule} word
         * @param saved the {@link SavedRegisters} word
         * @param side the complete row, or null where the words say all
         */
        void row(long start, long end, long rule, long saved, @org.jspecify.annotations.Nullable UnwindRow side);
    }
}
