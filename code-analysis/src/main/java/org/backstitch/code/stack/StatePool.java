package org.backstitch.code.stack;

import java.util.Arrays;
import org.backstitch.unwind.machine.X86_64;

/**
 * The states at the places where paths meet, as records in one array: whether the state is only assumed, the call that it lies directly
 * behind (or -1), the call without whose return nothing leads there (or -1), how often it was followed, then the state itself. Records are numbered from 1.
 */
final class StatePool {
    private static final int ASSUMED = 0;
    private static final int BEHIND = 1;
    private static final int DOUBT = 2;
    private static final int VISITS = 3;
    private static final int STATE = 4;
    private static final int SLOTS = STATE + StackState.REGISTERS;
    private static final int ADDRESSES = SLOTS + 1;
    private static final int VALUES = ADDRESSES + FrameSlots.MOST;
    private static final int INDEXED = VALUES + FrameSlots.MOST;
    private static final int STRIDE = INDEXED + IndexedSlot.WORDS;

    private static final long LOSSY = 1L << 32;

    private long[] pool = new long[STRIDE * 64];
    private int count;
    private final FrameSlots moved = new FrameSlots();

    void clear() {
        count = 0;
    }

    /** Adds a record and returns its number. */
    int add(StackState state, boolean assumed, int behind, int doubt) {
        count++;
        int at = count * STRIDE;
        if (at + STRIDE > pool.length) {
            pool = Arrays.copyOf(pool, pool.length * 2);
        }
        pool[at + ASSUMED] = assumed ? 1 : 0;
        pool[at + BEHIND] = behind;
        pool[at + DOUBT] = doubt;
        pool[at + VISITS] = 0;
        save(state, count);
        return count;
    }

    boolean isAssumed(int record) {
        return pool[record * STRIDE + ASSUMED] != 0;
    }

    /** The word of the call that the record lies directly behind, or -1. */
    int behind(int record) {
        return (int) pool[record * STRIDE + BEHIND];
    }

    /** The word of the last call on the only way to the record that may not return, or -1 if there is another way. */
    int doubt(int record) {
        return (int) pool[record * STRIDE + DOUBT];
    }

    /** Says that something certain leads to the record; returns whether that is new. */
    boolean makeCertain(int record) {
        boolean doubted = doubt(record) >= 0;
        pool[record * STRIDE + DOUBT] = -1;
        return doubted;
    }

    /** Counts that the record is followed once more; returns how often that was. */
    int visit(int record) {
        return (int) ++pool[record * STRIDE + VISITS];
    }

    void save(StackState state, int record) {
        int at = record * STRIDE;
        System.arraycopy(state.registers, 0, pool, at + STATE, StackState.REGISTERS);
        saveSlots(state.slots, at);
        state.indexed.save(pool, at + INDEXED);
    }

    private void saveSlots(FrameSlots slots, int at) {
        pool[at + SLOTS] = slots.count | (slots.lossy ? LOSSY : 0);
        System.arraycopy(slots.addresses, 0, pool, at + ADDRESSES, slots.count);
        System.arraycopy(slots.values, 0, pool, at + VALUES, slots.count);
    }

    void load(StackState state, int record) {
        int at = record * STRIDE;
        System.arraycopy(pool, at + STATE, state.registers, 0, StackState.REGISTERS);
        loadSlots(state.slots, at);
        state.indexed.load(pool, at + INDEXED);
        state.forgetComparison();
    }

    private void loadSlots(FrameSlots slots, int at) {
        slots.count = (int) pool[at + SLOTS];
        slots.lossy = (pool[at + SLOTS] & LOSSY) != 0;
        System.arraycopy(pool, at + ADDRESSES, slots.addresses, 0, slots.count);
        System.arraycopy(pool, at + VALUES, slots.values, 0, slots.count);
    }

    /** Joins a state into a record; returns whether that changed it. */
    boolean join(StackState state, int record) {
        int at = record * STRIDE + STATE;
        boolean changed = isMoved(pool[at + X86_64.RSP], state.registers[X86_64.RSP]) && movePlace(state, record);
        changed |= state.indexed.join(pool, record * STRIDE + INDEXED);
        for (int register = 0; register < StackState.REGISTERS; register++) {
            long old = pool[at + register];
            if (old != state.registers[register]) {
                long joined = Value.join(old, state.registers[register]);
                if (joined != old) {
                    pool[at + register] = joined;
                    changed = true;
                }
            }
        }
        return joinSlots(state.slots, record * STRIDE) || changed;
    }

    private static boolean isMoved(long rsp, long other) {
        return rsp != other && Value.kind(rsp) == Value.ALIGNED && Value.kind(other) == Value.ALIGNED;
    }

    /**
     * RSP is at different distances from the one place of unknown distance to the CFA, as in a loop that makes the frame larger: from now
     * on that place is where RSP is. What was counted from the old one is forgotten, in the record and in the state.
     */
    private boolean movePlace(StackState state, int record) {
        int at = record * STRIDE;
        boolean changed = pool[at + STATE + X86_64.RSP] != Value.of(Value.ALIGNED, 0);
        for (int register = 0; register < StackState.REGISTERS; register++) {
            if (register != X86_64.RSP && Value.kind(pool[at + STATE + register]) == Value.ALIGNED) {
                pool[at + STATE + register] = Value.UNKNOWN;
                changed = true;
            }
            if (Value.kind(state.registers[register]) == Value.ALIGNED) {
                state.registers[register] = Value.UNKNOWN;
            }
        }
        pool[at + STATE + X86_64.RSP] = Value.of(Value.ALIGNED, 0);
        state.registers[X86_64.RSP] = Value.of(Value.ALIGNED, 0);
        changed |= loadedSlots(record).abandonPlace();
        saveSlots(moved, at);
        state.slots.abandonPlace();
        if (Value.kind(pool[at + INDEXED + 1]) == Value.ALIGNED) {
            IndexedSlot.forget(pool, at + INDEXED);
            changed = true;
        }
        state.indexed.forgetPlace();
        return changed;
    }

    private FrameSlots loadedSlots(int record) {
        loadSlots(moved, record * STRIDE);
        return moved;
    }

    private boolean joinSlots(FrameSlots slots, int at) {
        boolean changed = false;
        boolean lossy = (pool[at + SLOTS] & LOSSY) != 0;
        int size = (int) pool[at + SLOTS];
        for (int i = size - 1; i >= 0; i--) {
            long old = pool[at + VALUES + i];
            long joined = Value.join(old, slots.get(pool[at + ADDRESSES + i]));
            if (joined != old) {
                changed = true;
                if (joined == Value.OTHER) {
                    size--;
                    pool[at + ADDRESSES + i] = pool[at + ADDRESSES + size];
                    pool[at + VALUES + i] = pool[at + VALUES + size];
                } else {
                    pool[at + VALUES + i] = joined;
                }
            }
        }
        for (int i = 0; i < slots.count && !lossy; i++) {
            if (Value.matters(slots.values[i]) && !contains(at, size, slots.addresses[i])) {
                // There it is something else: here it was followed, so that it is lost from now on.
                if (size < FrameSlots.MOST) {
                    pool[at + ADDRESSES + size] = slots.addresses[i];
                    pool[at + VALUES + size] = Value.UNKNOWN;
                    size++;
                    changed = true;
                } else if (Value.isSaved(slots.values[i])) {
                    lossy = true;
                    changed = true;
                }
            }
        }
        if (slots.lossy && !lossy) {
            lossy = true;
            changed = true;
        }
        pool[at + SLOTS] = size | (lossy ? LOSSY : 0);
        return changed;
    }

    private boolean contains(int at, int size, long address) {
        for (int i = 0; i < size; i++) {
            if (pool[at + ADDRESSES + i] == address) {
                return true;
            }
        }
        return false;
    }
}
