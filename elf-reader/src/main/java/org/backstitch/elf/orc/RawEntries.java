package org.backstitch.elf.orc;

import java.util.Arrays;
import org.backstitch.bytes.Bytes;

/**
 * The bytes of {@code .orc_unwind} before anyone knows their format: a kernel's hundreds of thousands of entries are some thousand
 * different ones, so each is kept once, with the number of rows that have it.
 */
final class RawEntries {
    private static final int MIN_CAPACITY = 64;

    private final int[] rows;
    private long[] distinct = new long[MIN_CAPACITY];
    private int[] counts = new int[MIN_CAPACITY];
    private int size;

    /** Open addressing over {@link #distinct}: index + 1, or 0 for a free slot. A power of two long, at most half full. */
    private int[] slots = new int[2 * MIN_CAPACITY];

    private RawEntries(int rowCount) {
        rows = new int[rowCount];
    }

    /** Reads {@code rowCount} entries, for which {@code unwind} must be long enough. */
    static RawEntries read(Bytes unwind, int rowCount) {
        RawEntries entries = new RawEntries(rowCount);
        for (int row = 0; row < rowCount; row++) {
            entries.rows[row] = entries.intern(OrcFormat.raw(unwind, (long) row * OrcFormat.ENTRY_SIZE));
        }
        return entries;
    }

    private int intern(long raw) {
        int mask = slots.length - 1;
        int slot = hash(raw) & mask;
        while (slots[slot] != 0) {
            int index = slots[slot] - 1;
            if (distinct[index] == raw) {
                counts[index]++;
                return index;
            }
            slot = (slot + 1) & mask;
        }
        int index = size++;
        if (index == distinct.length) {
            grow();
        }
        distinct[index] = raw;
        counts[index] = 1;
        insert(index);
        return index;
    }

    private void grow() {
        distinct = Arrays.copyOf(distinct, 2 * distinct.length);
        counts = Arrays.copyOf(counts, distinct.length);
        slots = new int[2 * distinct.length];
        for (int index = 0; index < distinct.length / 2; index++) {
            insert(index);
        }
    }

    private void insert(int index) {
        int mask = slots.length - 1;
        int slot = hash(distinct[index]) & mask;
        while (slots[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        slots[slot] = index + 1;
    }

    private static int hash(long raw) {
        return (int) ((raw * 0x9e37_79b9_7f4a_7c15L) >>> 32);
    }

    /** The number of rows. */
    int rowCount() {
        return rows.length;
    }

    /** Which of the distinct entries the row has. */
    int index(int row) {
        return rows[row];
    }

    /** The number of distinct entries. */
    int distinctCount() {
        return size;
    }

    /** A distinct entry, as {@link OrcFormat#decode} takes it. */
    long distinct(int index) {
        return distinct[index];
    }

    /** How many rows have it. */
    int count(int index) {
        return counts[index];
    }
}
