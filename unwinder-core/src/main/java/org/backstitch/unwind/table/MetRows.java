package org.backstitch.unwind.table;

/**
 * Rows that look-ups have met, one of an entry: most calls of a function are in the same row, so that its entry needs to be executed for
 * one of them only.
 *
 * <p>Entries are told apart by their places in the linker's table. Thread-safe.
 */
final class MetRows {
    /** What {@link #find} gives where no row is known. */
    static final int NONE = -1;

    /** The place of an entry that the linker's table does not have: its rows are not kept. */
    static final int NO_PLACE = -1;

    /** How many are kept, at most. */
    private static final int CAPACITY = 1024;

    private final int[] places = new int[CAPACITY];
    private final int[] numbers = new int[CAPACITY];
    private final long[] starts = new long[CAPACITY];
    private final long[] ends = new long[CAPACITY];

    /**
     * The number of the rule for an address, or {@link #NONE}.
     *
     * @param place of the entry that may cover it
     */
    synchronized int find(int place, long vaddr) {
        int row = place & CAPACITY - 1;
        boolean known = places[row] == place && Long.compareUnsigned(vaddr - starts[row], ends[row] - starts[row]) < 0;
        return known ? numbers[row] : NONE;
    }

    /**
     * Keeps a row, in the place of another one.
     *
     * @param place of its entry
     * @param start the first address
     * @param end the address behind the last; nothing is kept of a row without addresses
     * @param number of the rule
     */
    synchronized void add(int place, long start, long end, int number) {
        if (place != NO_PLACE) {
            int row = place & CAPACITY - 1;
            places[row] = place;
            starts[row] = start;
            ends[row] = end;
            numbers[row] = number;
        }
    }
}
