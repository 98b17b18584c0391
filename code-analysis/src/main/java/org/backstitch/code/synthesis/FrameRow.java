package org.backstitch.code.synthesis;

import java.util.Collections;
import java.util.List;
import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.Value;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * What is known in front of an instruction, as a row of an unwind table: where the CFA is, the return address at CFA - 8, and a place for
 * each of {@link #SAVED}.
 *
 * @param cfa null in the outermost frame, which has no caller
 * @param places of the caller's values of {@link #SAVED}, in that order
 */
record FrameRow(@Nullable Cfa cfa, List<Place> places) {
    /** For a CFA that is found without an index. */
    static final int NO_INDEX = -1;

    /** The callee-saved registers (System V ABI x86-64 §3.2.1), RSP apart. */
    static final List<Integer> SAVED = List.of(X86_64.RBX, X86_64.RBP, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15);

    /**
     * {@code base + offset}, or {@code *(base + offset) + addend} if it was put aside in the frame, as functions do that realign it.
     *
     * @param base the register by its DWARF number
     * @param offset in bytes
     * @param loaded whether it lies in memory
     * @param addend in bytes, not negative; 0 unless loaded
     * @param index a register that is multiplied by 8 and added to the address of what is loaded; -1 for none
     */
    record Cfa(int base, int offset, boolean loaded, int addend, int index) {
        Cfa(int base, int offset, boolean loaded, int addend) {
            this(base, offset, loaded, addend, NO_INDEX);
        }

        @Override
        public String toString() {
            String times = index == NO_INDEX ? "" : "+" + X86_64.name(index) + "*8";
            String sum = X86_64.name(base) + times + signed(offset);
            return loaded ? "*(%s)%s".formatted(sum, signed(addend)) : sum;
        }
    }

    /** How to find a caller's register. */
    enum Kind {
        /** It was not changed. */
        SAME,
        /** It lies at CFA + offset. */
        SLOT,
        /** It lies at register + offset. */
        REGISTER_SLOT,
        /** A register holds it. */
        REGISTER,
        /** It is not known where. */
        UNDEFINED
    }

    /** A kind and its operands. */
    record Place(Kind kind, int register, int offset) {}

    private static final Place SAME = new Place(Kind.SAME, 0, 0);
    private static final Place UNDEFINED = new Place(Kind.UNDEFINED, 0, 0);

    /** The row of the code that starts a program: nobody called it. */
    static final FrameRow OUTERMOST = new FrameRow(null, Collections.nCopies(SAVED.size(), SAME));

    /** Nothing but the function itself writes to so many bytes below RSP (§3.2.2). */
    private static final int RED_ZONE = 128;

    /** Where a CFA that was put aside is looked for from: RSP and RBP, as compilers do, then the others. */
    private static final int[] BASES = {
        X86_64.RSP,
        X86_64.RBP,
        X86_64.R10,
        X86_64.RBX,
        X86_64.R12,
        X86_64.R13,
        X86_64.R14,
        X86_64.R15,
        X86_64.RAX,
        X86_64.RCX,
        X86_64.RDX,
        X86_64.RSI,
        X86_64.RDI,
        X86_64.R8,
        X86_64.R9,
        X86_64.R11
    };

    FrameRow {
        places = List.copyOf(places);
    }

    /**
     * The row of a state; null where the CFA, the return address or RBP are not known. Of the other registers those that are not
     * known are undefined in it.
     */
    static @Nullable FrameRow of(StackState state) {
        Cfa cfa = state.memory(Value.cfa(-8)) == Value.initial(X86_64.RIP) ? cfa(state) : null;
        if (cfa == null) {
            return null;
        }
        Place[] places = new Place[SAVED.size()];
        for (int i = 0; i < places.length; i++) {
            places[i] = place(state, SAVED.get(i), cfa.base);
            if (SAVED.get(i) == X86_64.RBP && places[i].kind == Kind.UNDEFINED) {
                return null;
            }
        }
        return new FrameRow(cfa, List.of(places));
    }

    /** The place of the caller's RBP. */
    Place rbp() {
        return places.get(SAVED.indexOf(X86_64.RBP));
    }

    /** The row in the words of {@code readelf -wF}, without what was not changed. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(cfa == null ? "outermost" : cfa.toString());
        for (int i = 0; i < places.size(); i++) {
            Place place = places.get(i);
            String where = switch (place.kind) {
                case SAME -> "";
                case SLOT -> "c" + signed(place.offset);
                case REGISTER_SLOT -> "*(" + X86_64.name(place.register) + signed(place.offset) + ")";
                case REGISTER -> X86_64.name(place.register);
                case UNDEFINED -> "u";
            };
            if (!where.isEmpty()) {
                text.append(' ').append(X86_64.name(SAVED.get(i))).append('=').append(where);
            }
        }
        return text.toString();
    }

    private static String signed(int offset) {
        return offset < 0 ? Integer.toString(offset) : "+" + offset;
    }

    /** RBP where it is a frame pointer, as compilers have it; else RSP; else whatever is at a known distance; else where it was put aside. */
    private static @Nullable Cfa cfa(StackState state) {
        if (state.register(X86_64.RBP) == Value.cfa(-16) && state.memory(Value.cfa(-16)) == Value.initial(X86_64.RBP)) {
            return new Cfa(X86_64.RBP, 16, false, 0);
        }
        for (int register : BASES) {
            long value = state.register(register);
            if (Value.kind(value) == Value.CFA && Value.offset(value) <= 0) {
                return new Cfa(register, -Value.offset(value), false, 0);
            }
        }
        for (int register : BASES) {
            for (int i = 0; i < state.slotCount(); i++) {
                long value = state.slotValue(i);
                if (Value.kind(value) == Value.CFA
                        && Value.offset(value) <= 0
                        && canReach(state, register, state.slotAddress(i))) {
                    int distance = distance(state, register, state.slotAddress(i));
                    return new Cfa(register, distance, true, -Value.offset(value));
                }
            }
        }
        return indexed(state);
    }

    /** By the index that a function of variable frame size put it aside with. */
    private static @Nullable Cfa indexed(StackState state) {
        int index = state.indexRegister();
        if (index < 0 || Value.kind(state.indexedValue()) != Value.CFA || Value.offset(state.indexedValue()) > 0) {
            return null;
        }
        for (int register : BASES) {
            if (Value.kind(state.register(register)) == Value.kind(state.indexedAddress())) {
                int distance = distance(state, register, state.indexedAddress());
                return new Cfa(register, distance, true, -Value.offset(state.indexedValue()), index);
            }
        }
        return null;
    }

    /** Whether a slot's address can be counted from a register, and whether its content is the function's own. */
    private static boolean canReach(StackState state, int register, long address) {
        return Value.kind(state.register(register)) == Value.kind(address)
                && Value.isFrame(address)
                && isOwned(state, address, RED_ZONE);
    }

    private static int distance(StackState state, int register, long address) {
        return Value.offset(address) - Value.offset(state.register(register));
    }

    /** Whether an address is not so far below RSP that a signal handler could write there. */
    private static boolean isOwned(StackState state, long address, int redZone) {
        long rsp = state.register(X86_64.RSP);
        return Value.kind(rsp) != Value.kind(address) || Value.offset(address) >= Value.offset(rsp) - redZone;
    }

    /**
     * A pushed register is looked for in its slot, also before it is changed: then the row is right even behind calls of functions that
     * do not preserve it, which some assembly has.
     */
    private static Place place(StackState state, int register, int base) {
        Place slot = slot(state, register, base, 0);
        if (slot != null) {
            return slot;
        }
        if (state.register(register) == Value.initial(register)) {
            return SAME;
        }
        slot = slot(state, register, base, RED_ZONE);
        if (slot != null) {
            return slot;
        }
        for (int other = 0; other < X86_64.RIP; other++) {
            if (state.register(other) == Value.initial(register)) {
                return new Place(Kind.REGISTER, other, 0);
            }
        }
        return UNDEFINED;
    }

    /** The highest slot at a known distance from the CFA; else one that can be reached from the CFA's base or from RBP. */
    private static @Nullable Place slot(StackState state, int register, int base, int redZone) {
        Place found = null;
        for (int i = 0; i < state.slotCount(); i++) {
            long address = state.slotAddress(i);
            if (state.slotValue(i) != Value.initial(register) || !isOwned(state, address, redZone)) {
                continue;
            }
            if (Value.kind(address) == Value.CFA) {
                boolean higher = found == null || found.kind != Kind.SLOT || Value.offset(address) > found.offset;
                if (Value.offset(address) % 8 == 0 && higher) {
                    found = new Place(Kind.SLOT, 0, Value.offset(address));
                }
            } else if (found == null) {
                for (int from : new int[] {base, X86_64.RBP}) {
                    if (found == null && canReach(state, from, address)) {
                        found = new Place(Kind.REGISTER_SLOT, from, distance(state, from, address));
                    }
                }
            }
        }
        return found;
    }
}
