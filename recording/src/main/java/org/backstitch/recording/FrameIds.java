package org.backstitch.recording;

/**
 * The ids of frames of one file (or of the kernel), by address: what one worker has met. Not thread-safe.
 *
 * <p>An open-addressed hash table whose slots are one {@code long} each: the address, and below it the id and one, so that to find an id
 * loads one line of the processor's cache and no object. Code that lies within a line's length has its slots in one line: of a function
 * many places are met.
 *
 * <pre>
 *     63                            24 23                0
 *     +-------------------------------+-------------------+
 *     |  address, its 40 lowest bits  |      id + 1       |
 *     +-------------------------------+-------------------+
 * </pre>
 *
 * <p>Addresses that are not what their lowest 40 bits are with the sign extended (vaddrs in files and the kernel's text are), and ids from
 * 2<sup>24</sup> - 1 on, are never held.
 */
final class FrameIds {
    /** In place of an id: the address is not held. */
    static final int NONE = -1;

    private static final int ID_BITS = 24;
    private static final int ID_MASK = (1 << ID_BITS) - 1;

    /** Slots that lie in a line, and the code that they are for. */
    private static final int LINE = 8;

    private static final int CODE_BITS = 6;

    private long[] slots = new long[8 * LINE];
    private int count;

    /** The id of an address's frame, or {@link #NONE}. */
    int find(long address) {
        long[] slots = this.slots;
        int mask = slots.length - 1;
        int place = first(address) & mask;
        for (long here; (here = slots[place]) != 0; place = place + 1 & mask) {
            if (here >> ID_BITS == address) {
                return ((int) here & ID_MASK) - 1;
            }
        }
        return NONE;
    }

    /** Adds an address that is not held, if it can be. */
    void add(long address, int id) {
        if (address << ID_BITS >> ID_BITS != address || id >= ID_MASK) {
            return;
        }
        if (count * 2 >= slots.length) {
            long[] old = slots;
            slots = new long[2 * old.length];
            for (long slot : old) {
                if (slot != 0) {
                    put(slot);
                }
            }
        }
        put(address << ID_BITS | id + 1);
        count++;
    }

    private void put(long slot) {
        int mask = slots.length - 1;
        int place = first(slot >> ID_BITS) & mask;
        while (slots[place] != 0) {
            place = place + 1 & mask;
        }
        slots[place] = slot;
    }

    private static int first(long address) {
        // Fibonacci hashing of the line's number, its good bits above the place in the line.
        int line = (int) ((address >> CODE_BITS) * 0x9e37_79b9_7f4a_7c15L >>> 36) & -LINE;
        return line | (int) (address >>> 3) & LINE - 1;
    }
}
