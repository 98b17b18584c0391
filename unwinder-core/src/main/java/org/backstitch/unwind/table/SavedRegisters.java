package org.backstitch.unwind.table;

import java.util.Locale;
import org.backstitch.unwind.machine.X86_64;

/**
 * Where the callee-saved registers other than RBP lie, in one 64-bit word: the companion of an {@link UnwindRule} for walks that
 * recover every register a debugger shows.
 *
 * <p>Five fields of twelve bits, for RBX, R12, R13, R14 and R15 from the lowest: 0 means that the caller's register has the value it
 * has in this frame, {@value #UNDEFINED_FIELD} that it is not known, any other signed value {@code n} that it lies at CFA + 8n.
 */
public final class SavedRegisters {
    /** The word that says that all five keep their values. */
    public static final long SAME = 0;

    /** How many registers a word describes. */
    public static final int COUNT = 5;

    private static final int UNDEFINED_FIELD = -2048;
    private static final int FIELD_BITS = 12;
    private static final long FIELD_MASK = (1L << FIELD_BITS) - 1;

    private static final int[] DWARF_NUMBERS = {X86_64.RBX, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15};

    private SavedRegisters() {}

    /** The DWARF number of the register that field {@code index} (0 to 4) describes. */
    public static int register(int index) {
        return DWARF_NUMBERS[index];
    }

    /** The field of a register by its DWARF number, or -1 if the word does not describe it. */
    public static int index(int register) {
        return register == X86_64.RBX
                ? 0
                : register >= X86_64.R12 && register <= X86_64.R15 ? register - X86_64.R12 + 1 : -1;
    }

    /** Whether "saved at CFA + offset" can be said in a field. */
    public static boolean fits(long cfaOffset) {
        long slot = cfaOffset >> 3;
        return (cfaOffset & 7) == 0 && slot != 0 && slot > UNDEFINED_FIELD && slot < -UNDEFINED_FIELD;
    }

    /** {@code word} with field {@code index} saying "saved at CFA + cfaOffset"; {@link #fits} must hold. */
    public static long withSlot(long word, int index, long cfaOffset) {
        return with(word, index, cfaOffset >> 3);
    }

    /** {@code word} with field {@code index} saying "same value". */
    public static long withSame(long word, int index) {
        return with(word, index, 0);
    }

    /** {@code word} with field {@code index} saying "undefined". */
    public static long withUndefined(long word, int index) {
        return with(word, index, UNDEFINED_FIELD);
    }

    private static long with(long word, int index, long field) {
        int shift = index * FIELD_BITS;
        return (word & ~(FIELD_MASK << shift)) | ((field & FIELD_MASK) << shift);
    }

    /** Whether field {@code index} says "same value". */
    public static boolean isSame(long word, int index) {
        return field(word, index) == 0;
    }

    /** Whether field {@code index} says "undefined". */
    public static boolean isUndefined(long word, int index) {
        return field(word, index) == UNDEFINED_FIELD;
    }

    /** The offset from the CFA, in bytes, at which field {@code index} says that its register lies. */
    public static long cfaOffset(long word, int index) {
        return field(word, index) << 3;
    }

    private static long field(long word, int index) {
        return word << (Long.SIZE - FIELD_BITS - index * FIELD_BITS) >> (Long.SIZE - FIELD_BITS);
    }

    /** The word for people: {@code rbx=c-24 r12=u}; empty when all keep their values. */
    public static String toString(long word) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < COUNT; i++) {
            if (!isSame(word, i)) {
                text.append(text.isEmpty() ? "" : " ")
                        .append(X86_64.name(register(i)))
                        .append('=');
                text.append(isUndefined(word, i) ? "u" : String.format(Locale.ROOT, "c%+d", cfaOffset(word, i)));
            }
        }
        return text.toString();
    }
}
