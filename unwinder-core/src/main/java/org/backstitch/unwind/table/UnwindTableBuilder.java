package org.backstitch.unwind.table;

import java.util.Arrays;
import org.backstitch.elf.dwarf.UnwindRow;
import org.jspecify.annotations.Nullable;

/**
 * Collects rows in ascending order of their addresses and makes an {@link UnwindTable} of them.
 *
 * {@snippet :
 * UnwindTable table = new UnwindTableBuilder()
 *     .addRow(0x1000, callRule, SavedRegisters.SAME, null)
 *     .addGap(0x1040)
 *     .build();
 * }
 */
public final class UnwindTableBuilder {
    /** How far apart the first and the last address of a table may lie, in bytes: 4 GiB, as x86-64 code models have it. */
    public static final long MAX_SPAN = 0xffff_ffffL;

    private final RuleDictionary dictionary;
    private long base;
    private int[] starts;
    private int[] numbers;
    private int rows;
    private int sourceRows;

    /** The number of the row, mostly a gap, that {@link #begin} said to write over. */
    private int replacedNumber;

    // Most rows are by a few hundred rules: a small cache in front of the dictionary.
    private static final int MEMO_BITS = 10;
    private final long[] memoRule = new long[1 << MEMO_BITS];
    private final long[] memoSaved = new long[1 << MEMO_BITS];
    private final int[] memoNumber = new int[1 << MEMO_BITS];

    /** A builder with a dictionary of its own. */
    public UnwindTableBuilder() {
        this(new RuleDictionary());
    }

    /** A builder that adds its rules to a dictionary. */
    public UnwindTableBuilder(RuleDictionary dictionary) {
        this(dictionary, 256);
    }

    /** A builder that has room for so many rows from the beginning, at least 1. */
    UnwindTableBuilder(RuleDictionary dictionary, int expectedRows) {
        this.dictionary = dictionary;
        starts = new int[expectedRows];
        numbers = new int[expectedRows];
    }

    /**
     * Adds a row that covers everything from {@code vaddr} to the next row or gap. A row at the address of the one before replaces
     * it.
     *
     * @param vaddr unsigned; not below the one before
     * @param rule an {@link UnwindRule} word
     * @param saved a {@link SavedRegisters} word
     * @param side the complete row, where the rule {@link UnwindRule#hasSide}
     * @throws IllegalArgumentException if the address descends, or lies more than {@link #MAX_SPAN} above the first
     */
    public UnwindTableBuilder addRow(long vaddr, long rule, long saved, @Nullable UnwindRow side) {
        sourceRows++;
        append(vaddr, number(rule, saved, side));
        return this;
    }

    /** As the other, by a rule that has its number in the builder's dictionary. */
    void addRow(long vaddr, int rule) {
        sourceRows++;
        append(vaddr, rule);
    }

    /**
     * Makes room for the rows of an entry, which are then written to {@link #starts} and {@link #numbers}.
     *
     * @param start unsigned; not below the last address added
     * @param end behind the entry's code
     * @param count room for how many rows
     * @return where the first one goes
     * @throws IllegalArgumentException as {@link #addRow(long, long, long, UnwindRow)} does
     */
    int begin(long start, long end, int count) {
        if (rows == 0) {
            base = start;
        }
        if (end - base < 0 || end - base > MAX_SPAN) {
            throw tooFar(end);
        }
        if (rows + count > starts.length) {
            reserve(rows + count);
        }
        if (rows == 0) {
            return 0;
        }
        int order = Integer.compareUnsigned((int) (start - base), starts[rows - 1]);
        if (order < 0) {
            throw descending(start);
        }
        if (order > 0) {
            return rows;
        }
        replacedNumber = numbers[rows - 1];
        return rows - 1;
    }

    /** Forgets what was written since {@link #begin}, where it went in place of the last row, too. */
    void cancel(long start, int from) {
        if (from < rows) {
            starts[from] = (int) (start - base);
            numbers[from] = replacedNumber;
        }
    }

    /** What row starts are relative to. */
    long base() {
        return base;
    }

    /** Where the rows start, from {@link #base}. */
    int[] starts() {
        return starts;
    }

    /** The numbers of their rules. */
    int[] numbers() {
        return numbers;
    }

    /**
     * Takes over the rows that were written since {@link #begin}, and closes them by a gap.
     *
     * @param behind where they end
     * @param sourceCount how many rows the source had for them
     * @param end the gap's address, above the last row's start
     */
    void end(int behind, int sourceCount, long end) {
        rows = behind;
        sourceRows += sourceCount;
        append(end, 0);
    }

    /** Says that nothing covers the addresses from {@code vaddr} to the next row. */
    public UnwindTableBuilder addGap(long vaddr) {
        append(vaddr, 0);
        return this;
    }

    private int number(long rule, long saved, @Nullable UnwindRow side) {
        if (side != null) {
            return dictionary.intern(rule, saved, side);
        }
        long mixed = (rule ^ saved * 31) * 0x9e37_79b9_7f4a_7c15L;
        int slot = (int) (mixed >>> Long.SIZE - MEMO_BITS);
        if (memoNumber[slot] != 0 && memoRule[slot] == rule && memoSaved[slot] == saved) {
            return memoNumber[slot];
        }
        int number = dictionary.intern(rule, saved, null);
        memoRule[slot] = rule;
        memoSaved[slot] = saved;
        memoNumber[slot] = number;
        return number;
    }

    private void append(long vaddr, int number) {
        if (rows == 0) {
            if (number == 0) {
                return;
            }
            base = vaddr;
        }
        long offset = vaddr - base;
        if (offset < 0 || offset > MAX_SPAN) {
            throw tooFar(vaddr);
        }
        if (rows > 0) {
            int last = rows - 1;
            int order = Integer.compareUnsigned((int) offset, starts[last]);
            if (order < 0) {
                throw descending(vaddr);
            }
            if (order == 0) {
                rows = last;
            }
            if (rows > 0 && numbers[rows - 1] == number) {
                return;
            }
        }
        if (rows == starts.length) {
            reserve(rows + 1);
        }
        starts[rows] = (int) offset;
        numbers[rows] = number;
        rows++;
    }

    private void reserve(int room) {
        starts = Arrays.copyOf(starts, room * 2);
        numbers = Arrays.copyOf(numbers, room * 2);
    }

    private static IllegalArgumentException descending(long vaddr) {
        return new IllegalArgumentException("row at 0x%x, below the one before it".formatted(vaddr));
    }

    private IllegalArgumentException tooFar(long vaddr) {
        return new IllegalArgumentException(
                "row at 0x%x, but the table starts at 0x%x and spans at most 4 GiB".formatted(vaddr, base));
    }

    /**
     * The table of all rows added. The last one must have been closed by a gap, or it covers nothing.
     */
    public UnwindTable build() {
        return new UnwindTable(base, Arrays.copyOf(starts, rows), numbers, dictionary, sourceRows);
    }
}
