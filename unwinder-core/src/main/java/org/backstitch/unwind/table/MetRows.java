package org.backstitch.unwind.table;

import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Rows that look-ups have met, one of an entry: most calls of a function are in the same row, so that its entry needs to be executed for
 * one of them only.
 *
 * <p>Entries are told apart by their places in the linker's table. Thread-safe without a lock: a row never changes, and another one in its
 * place is another object. (The array is a plain one with fences: to link the atomic ones takes a millisecond in a virtual machine that has
 * just started.)
 */
final class MetRows {
    /** What {@link #find} gives where no row is known. */
    static final int NONE = -1;

    /** The place of an entry that the linker's table does not have: its rows are not kept. */
    static final int NO_PLACE = -1;

    /** How many are kept of a file, at least and at most; powers of two. */
    private static final int FEWEST = 64;

    private static final int MOST = 1 << 14;

    private record Row(int place, long start, long end, int number) {}

    private final @Nullable Row[] rows;

    /**
     * No rows yet.
     *
     * @param entries about how many the file has
     */
    MetRows(long entries) {
        rows = new @Nullable Row[Integer.highestOneBit(Math.clamp(entries, FEWEST, MOST))];
    }

    /**
     * The number of the rule for an address, or {@link #NONE}.
     *
     * @param place of the entry that may cover it
     */
    int find(int place, long vaddr) {
        Row row = rows[place & rows.length - 1];
        VarHandle.acquireFence();
        if (row == null || row.place != place) {
            return NONE;
        }
        return Long.compareUnsigned(vaddr - row.start, row.end - row.start) < 0 ? row.number : NONE;
    }

    /**
     * Keeps a row, in the place of another one.
     *
     * @param place of its entry
     * @param start the first address
     * @param end the address behind the last; nothing is kept of a row without addresses
     * @param number of the rule
     */
    void add(int place, long start, long end, int number) {
        if (place != NO_PLACE) {
            Row row = new Row(place, start, end, number);
            VarHandle.releaseFence();
            rows[place & rows.length - 1] = row;
        }
    }
}
