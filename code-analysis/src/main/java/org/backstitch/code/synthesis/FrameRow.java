package org.backstitch.code.synthesis;

import java.util.List;
import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.Value;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * What is known in front of an instruction, as a row of an unwind table: {@code CFA = base + offset}, the return address at CFA - 8, and
 * a place for each of {@link #SAVED}.
 *
 * @param base the register that the CFA is counted from
 * @param offset in bytes
 * @param places of the caller's values of {@link #SAVED}, in that order
 */
record FrameRow(int base, int offset, List<Place> places) {
    /** The callee-saved registers (System V ABI x86-64 §3.2.1), RSP apart. */
    static final List<Integer> SAVED = List.of(X86_64.RBX, X86_64.RBP, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15);

    /** How to find a caller's register. */
    enum Kind {
        /** It was not changed. */
        SAME,
        /** It lies at CFA + operand. */
        SLOT,
        /** The register with the operand's number holds it. */
        REGISTER,
        /** It is not known where. */
        UNDEFINED
    }

    /** A kind and its operand. */
    record Place(Kind kind, int operand) {}

    private static final Place SAME = new Place(Kind.SAME, 0);
    private static final Place UNDEFINED = new Place(Kind.UNDEFINED, 0);

    FrameRow {
        places = List.copyOf(places);
    }

    /**
     * The row of a state; null where the CFA, the return address or RBP are not known. Of the other registers those that are not
     * known are undefined in it.
     */
    static @Nullable FrameRow of(StackState state) {
        int base = base(state);
        if (base < 0 || state.memory(Value.cfa(-8)) != Value.initial(X86_64.RIP)) {
            return null;
        }
        Place[] places = new Place[SAVED.size()];
        for (int i = 0; i < places.length; i++) {
            places[i] = place(state, SAVED.get(i));
            if (SAVED.get(i) == X86_64.RBP && places[i].kind == Kind.UNDEFINED) {
                return null;
            }
        }
        int offset = -Value.offset(state.register(base));
        if (offset < 0) {
            return null;
        }
        return new FrameRow(base, offset, List.of(places));
    }

    /** The row in the words of {@code readelf -wF}, without what was not changed. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(X86_64.name(base)).append('+').append(offset);
        for (int i = 0; i < places.size(); i++) {
            Place place = places.get(i);
            String name = X86_64.name(SAVED.get(i));
            switch (place.kind) {
                case SAME -> text.append("");
                case SLOT ->
                    text.append(' ')
                            .append(name)
                            .append("=c")
                            .append(place.operand < 0 ? "" : "+")
                            .append(place.operand);
                case REGISTER -> text.append(' ').append(name).append('=').append(X86_64.name(place.operand));
                case UNDEFINED -> text.append(' ').append(name).append("=u");
            }
        }
        return text.toString();
    }

    /** RBP where it is a frame pointer, as compilers have it; else RSP; else whatever is at a known distance. */
    private static int base(StackState state) {
        if (state.register(X86_64.RBP) == Value.cfa(-16) && state.memory(Value.cfa(-16)) == Value.initial(X86_64.RBP)) {
            return X86_64.RBP;
        }
        if (Value.kind(state.register(X86_64.RSP)) == Value.CFA) {
            return X86_64.RSP;
        }
        for (int register : new int[] {X86_64.RBP, X86_64.R10, X86_64.RBX, X86_64.R12, X86_64.R13, X86_64.RAX}) {
            if (Value.kind(state.register(register)) == Value.CFA) {
                return register;
            }
        }
        return -1;
    }

    private static Place place(StackState state, int register) {
        if (state.register(register) == Value.initial(register)) {
            return SAME;
        }
        long slot = state.slotOf(register);
        long rsp = state.register(X86_64.RSP);
        boolean owned = Value.kind(rsp) != Value.CFA || Value.offset(slot) >= Value.offset(rsp) - RED_ZONE;
        if (Value.kind(slot) == Value.CFA && Value.offset(slot) % 8 == 0 && owned) {
            return new Place(Kind.SLOT, Value.offset(slot));
        }
        for (int other = 0; other < X86_64.RIP; other++) {
            if (state.register(other) == Value.initial(register)) {
                return new Place(Kind.REGISTER, other);
            }
        }
        return UNDEFINED;
    }

    /** Nothing but the function itself writes to so many bytes below RSP (§3.2.2). */
    private static final int RED_ZONE = 128;
}
