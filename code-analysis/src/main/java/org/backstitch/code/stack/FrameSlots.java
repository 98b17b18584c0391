package org.backstitch.code.stack;

/**
 * The slots of a frame that hold something that matters, each with its address and its content, both {@link Value}s.
 *
 * <p>What is not listed is {@link Value#OTHER}, unless the list is lossy. Lists are short: they are searched from end to end.
 */
final class FrameSlots {
    static final int MOST = 32;
    static final int WORD = 8;

    final long[] addresses = new long[MOST];
    final long[] values = new long[MOST];
    int count;

    /** Whether something that matters may have been stored where it was not followed. */
    boolean lossy;

    void clear() {
        count = 0;
        lossy = false;
    }

    void copyFrom(FrameSlots that) {
        count = that.count;
        lossy = that.lossy;
        System.arraycopy(that.addresses, 0, addresses, 0, count);
        System.arraycopy(that.values, 0, values, 0, count);
    }

    int find(long address) {
        for (int i = 0; i < count; i++) {
            if (addresses[i] == address) {
                return i;
            }
        }
        return -1;
    }

    /** What the eight bytes at an address hold. */
    long get(long address) {
        if (!Value.isFrame(address)) {
            return address == Value.UNKNOWN ? Value.UNKNOWN : Value.OTHER;
        }
        int slot = find(address);
        if (slot >= 0) {
            return values[slot];
        }
        return lossy ? Value.UNKNOWN : Value.OTHER;
    }

    /** Stores eight bytes at an address. What is not in the frame is taken not to change it. */
    void store(long address, long value) {
        if (!Value.isFrame(address)) {
            lossy |= address == Value.UNKNOWN && Value.isSaved(value);
            return;
        }
        erase(address, WORD);
        if (Value.matters(value) || Value.kind(value) == Value.MODULE || Value.isInitial(value)) {
            put(address, value);
        }
    }

    private void put(long address, long value) {
        if (count == MOST && !evict(value)) {
            return;
        }
        addresses[count] = address;
        values[count++] = value;
    }

    /** Makes room for a value that matters more than one that is there. */
    private boolean evict(long value) {
        if (!Value.isSaved(value)) {
            return false;
        }
        for (int i = 0; i < count; i++) {
            if (!Value.isSaved(values[i])) {
                remove(i);
                return true;
            }
        }
        lossy = true;
        return false;
    }

    void remove(int slot) {
        count--;
        addresses[slot] = addresses[count];
        values[slot] = values[count];
    }

    /** Forgets the slots that share a byte with {@code width} bytes at an address in the frame. */
    void erase(long address, int width) {
        for (int i = count - 1; i >= 0; i--) {
            if (Value.kind(addresses[i]) == Value.kind(address)) {
                int distance = Value.offset(addresses[i]) - Value.offset(address);
                if (distance > -WORD && distance < width) {
                    remove(i);
                }
            }
        }
    }

    /**
     * Something is written over {@code width} bytes at an address in the frame. Code does not destroy the only copy of a register that it has
     * to restore: where it seems to, that is a turn of an unrolled loop that the size of the array beside rules out, and what the slot holds is
     * not known.
     *
     * @param elsewhere the registers whose values at the entry are held elsewhere, too, as a mask
     */
    void overwrite(long address, int width, int elsewhere) {
        for (int i = count - 1; i >= 0; i--) {
            int distance = Value.offset(addresses[i]) - Value.offset(address);
            if (Value.kind(addresses[i]) == Value.kind(address) && distance > -WORD && distance < width) {
                int saved = Value.savedRegister(values[i]);
                if (values[i] == Value.UNKNOWN || saved >= 0 && (elsewhere >>> saved & 1) == 0) {
                    values[i] = Value.UNKNOWN;
                } else {
                    remove(i);
                }
            }
        }
    }

    /** Forgets what lies below an address: a callee owns it. */
    void eraseBelow(long address) {
        for (int i = count - 1; i >= 0; i--) {
            if (Value.kind(addresses[i]) == Value.kind(address) && Value.offset(addresses[i]) < Value.offset(address)) {
                remove(i);
            }
        }
    }

    /**
     * A callee may change local variables whose address it got. Pointers to the saved registers and what lies above are kept: they are
     * how realigned functions find their frame again.
     */
    void forgetLocals() {
        int lowest = 0;
        for (int i = 0; i < count; i++) {
            if (Value.isSaved(values[i]) && Value.kind(addresses[i]) == Value.CFA) {
                lowest = Math.min(lowest, Value.offset(addresses[i]));
            }
        }
        for (int i = 0; i < count; i++) {
            if (Value.kind(values[i]) == Value.CFA && Value.offset(values[i]) < lowest) {
                values[i] = Value.UNKNOWN;
            }
        }
    }

    /** Forgets what is counted from a place that is given up ({@link Value#ALIGNED}). */
    void forgetPlace() {
        for (int i = count - 1; i >= 0; i--) {
            if (Value.kind(addresses[i]) == Value.ALIGNED) {
                remove(i);
            } else if (Value.kind(values[i]) == Value.ALIGNED) {
                values[i] = Value.UNKNOWN;
            }
        }
    }

    /**
     * Forgets what is counted from a place that is given up, where others may still count on it: if something that matters lay there, what is not
     * listed is not known from now on. Returns whether there was anything.
     */
    boolean abandonPlace() {
        boolean any = false;
        for (int i = 0; i < count; i++) {
            boolean there = Value.kind(addresses[i]) == Value.ALIGNED;
            any |= there || Value.kind(values[i]) == Value.ALIGNED;
            lossy |= there && Value.matters(values[i]);
        }
        forgetPlace();
        return any;
    }

    /** Whether every saved register that {@code that} has at or above {@code rsp} is here too, or may be. */
    boolean holdsSavedOf(FrameSlots that, long rsp) {
        for (int i = 0; i < that.count; i++) {
            boolean live = Value.kind(that.addresses[i]) != Value.kind(rsp)
                    || Value.offset(that.addresses[i]) >= Value.offset(rsp);
            if (live && Value.isSaved(that.values[i])) {
                long mine = get(that.addresses[i]);
                if (mine != that.values[i] && mine != Value.UNKNOWN) {
                    return false;
                }
            }
        }
        return true;
    }
}
