package org.backstitch.unwind.table;

import java.util.Arrays;

/**
 * A compiled unwind table: every row of a file, ready to be looked up.
 *
 * <p>Two parallel arrays hold where each row starts (four bytes, relative to the table's base) and the number of its rule (two
 * bytes, four where a file has more than 65,535 different rules). A row ends where the next one starts; gaps are rows without a rule.
 * Equal neighbours are one row. A look-up goes through a coarse index, then by bisection over the few rows between two of its
 * entries. Cost: about six bytes a row, and some ten nanoseconds a look-up when it is in cache.
 *
 * <p>Immutable.
 */
public final class UnwindTable implements UnwindInfo {
    private final long base;
    private final long span;
    private final int[] starts;
    private final char @org.jspecify.annotations.Nullable [] narrow;
    private final int @org.jspecify.annotations.Nullable [] wide;
    private final int blockShift;
    private final int[] blocks;
    private final RuleDictionary dictionary;
    private final int sourceRows;

    /**
     * @param base the vaddr that starts are relative to
     * @param starts ascending, unsigned; the last row is a gap
     * @param numbers of the rows' rules, at least as many as starts
     * @param sourceRows how many rows the source had, repeated ones too
     */
    UnwindTable(long base, int[] starts, int[] numbers, RuleDictionary dictionary, int sourceRows) {
        this.base = base;
        this.starts = starts;
        this.dictionary = dictionary;
        this.sourceRows = sourceRows;
        int rows = starts.length;
        this.span = rows == 0 ? 0 : Integer.toUnsignedLong(starts[rows - 1]);
        if (dictionary.size() <= Character.MAX_VALUE + 1) {
            char[] packed = new char[rows];
            for (int i = 0; i < rows; i++) {
                packed[i] = (char) numbers[i];
            }
            narrow = packed;
            wide = null;
        } else {
            narrow = null;
            wide = Arrays.copyOf(numbers, rows);
        }
        int shift = 4;
        while (span >>> shift > rows / 16) {
            shift++;
        }
        blockShift = shift;
        blocks = blocks(starts, (int) (span >>> shift) + 2, shift);
    }

    /** For each block, how many rows start at or before the start of it. */
    private static int[] blocks(int[] starts, int count, int shift) {
        int[] blocks = new int[count];
        long roundUp = (1L << shift) - 1;
        for (int row = 0; row < starts.length; row++) {
            // The last row up to a block is the one that stays.
            blocks[(int) (Integer.toUnsignedLong(starts[row]) + roundUp >>> shift)] = row + 1;
        }
        int rows = 0;
        for (int block = 0; block < count; block++) {
            rows = Math.max(rows, blocks[block]);
            blocks[block] = rows;
        }
        return blocks;
    }

    @Override
    public int find(long vaddr) {
        long offset = vaddr - base;
        if (Long.compareUnsigned(offset, span) >= 0) {
            return 0;
        }
        // blocks[b] is the first row that starts behind the start of block b: the row wanted lies from one before it
        // on.
        int block = (int) (offset >>> blockShift);
        int low = blocks[block];
        int high = blocks[block + 1];
        int key = (int) offset + Integer.MIN_VALUE;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (starts[middle] + Integer.MIN_VALUE <= key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low == 0 ? 0 : number(low - 1);
    }

    private int number(int row) {
        return narrow != null ? narrow[row] : wide != null ? wide[row] : 0;
    }

    @Override
    public RuleDictionary dictionary() {
        return dictionary;
    }

    /** How many rows the table holds, gaps among them. */
    public int rows() {
        return starts.length;
    }

    /** How many rows the source had: one at each of its starts and advances. */
    public int sourceRows() {
        return sourceRows;
    }

    /** What the table takes in memory, its dictionary included, in bytes. */
    public long sizeInBytes() {
        int numberBytes = narrow != null ? Character.BYTES : Integer.BYTES;
        return (long) starts.length * (Integer.BYTES + numberBytes)
                + (long) blocks.length * Integer.BYTES
                + dictionary.sizeInBytes();
    }

    /** Tells every row that has a rule, in ascending order. */
    public void forEachRow(RowVisitor visitor) {
        for (int row = 0; row + 1 < starts.length; row++) {
            int number = number(row);
            if (number != 0) {
                visitor.row(
                        base + Integer.toUnsignedLong(starts[row]),
                        base + Integer.toUnsignedLong(starts[row + 1]),
                        dictionary.rule(number),
                        dictionary.saved(number),
                        dictionary.side(number));
            }
        }
    }
}
