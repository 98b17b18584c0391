package org.backstitch.code.stack;

/**
 * The one slot of a frame of variable size that is found by an index: base + 8 * index register + displacement. Functions that take as
 * much of the stack as an argument says, such as OpenSSL's {@code bn_mul_mont}, put the caller's RSP behind their array so.
 *
 * <p>It is known as long as the register is not written. As everywhere, an index into an array in the frame is taken to stay in that
 * array: stores by other indexes do not hit it.
 */
final class IndexedSlot {
    /** How many words of a record it takes. */
    static final int WORDS = 3;

    private static final int NONE = -1;

    /** The index register, or {@link #NONE}. */
    private int index = NONE;

    /** A {@link Value}: the base plus the displacement. */
    private long address;

    private long value;

    void clear() {
        index = NONE;
        address = Value.UNKNOWN;
        value = Value.UNKNOWN;
    }

    void copyFrom(IndexedSlot that) {
        index = that.index;
        address = that.address;
        value = that.value;
    }

    boolean isKnown() {
        return index != NONE;
    }

    int index() {
        return index;
    }

    long address() {
        return address;
    }

    long value() {
        return value;
    }

    /** Eight bytes are stored at {@code where} + 8 * a register. Only a place in the frame is worth knowing. */
    void store(int register, long where, long what) {
        if (Value.kind(what) == Value.CFA && Value.isFrame(where)) {
            index = register;
            address = where;
            value = what;
        } else if (index == register && overlaps(where)) {
            clear();
        }
    }

    private boolean overlaps(long where) {
        return Value.kind(where) != Value.kind(address)
                ? !Value.isFrame(where) && where == Value.UNKNOWN
                : Math.abs((long) Value.offset(where) - Value.offset(address)) < FrameSlots.WORD;
    }

    /** What the eight bytes at {@code where} + 8 * a register hold: unknown unless that is the slot. */
    long load(int register, long where) {
        return index == register && where == address ? value : Value.UNKNOWN;
    }

    /** Registers get other values. */
    void write(int registers) {
        if (index != NONE && (registers >>> index & 1) != 0) {
            clear();
        }
    }

    /** The place in the frame that is counted from is given up ({@link Value#ALIGNED}). */
    void forgetPlace() {
        if (Value.kind(address) == Value.ALIGNED) {
            clear();
        }
    }

    void save(long[] pool, int at) {
        pool[at] = index;
        pool[at + 1] = address;
        pool[at + 2] = value;
    }

    void load(long[] pool, int at) {
        index = (int) pool[at];
        address = pool[at + 1];
        value = pool[at + 2];
    }

    /** Forgets the slot in a record unless this is the same; returns whether that changed the record. */
    boolean join(long[] pool, int at) {
        if (pool[at] == NONE || pool[at] == index && pool[at + 1] == address && pool[at + 2] == value) {
            return false;
        }
        forget(pool, at);
        return true;
    }

    static void forget(long[] pool, int at) {
        pool[at] = NONE;
        pool[at + 1] = Value.UNKNOWN;
        pool[at + 2] = Value.UNKNOWN;
    }
}
