package org.backstitch.unwind.table;

import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * What a DWARF expression says, where it is of a shape that a rule word can say too.
 *
 * <p>Three shapes are known, under whatever encoding of their constants:
 *
 * <ul>
 *   <li>a sum, {@code base + offset}: where a signal frame keeps a register;
 *   <li>a loaded one, {@code *(base + offset) + addend}: the CFA of signal frames, of functions that realign their stack (GCC's DRAP),
 *       of OpenSSL's assembly;
 *   <li>the CFA of lazily bound PLT entries, {@code base + offset + ((rip & 15) >= addend) * 8}, as linkers write it.
 * </ul>
 *
 * @param base the register by its DWARF number: 0 to 15 in expressions
 * @param offset in bytes
 * @param addend in bytes; for PLT entries the threshold
 */
record CfaPattern(int base, long offset, Form form, long addend) {
    enum Form {
        SUM,
        DEREFERENCED,
        PLT
    }

    private static final int DEREF = 0x06;
    private static final int AND = 0x1a;
    private static final int PLUS = 0x22;
    private static final int PLUS_UCONST = 0x23;
    private static final int SHL = 0x24;
    private static final int GE = 0x2a;
    private static final int LIT0 = 0x30;
    private static final int LIT31 = 0x4f;
    private static final int BREG0 = 0x70;
    private static final int BREG_RIP = BREG0 + 16;

    boolean isSum() {
        return form == Form.SUM;
    }

    /**
     * Recognises an expression. Whether the CFA lies on its stack does not matter: these shapes leave alone what was there.
     *
     * @param code the expression's operations,; they may be where they lie in the section
     * @return null if it is of none of the shapes; one that ends within an operation is of none, and whoever evaluates it will say so
     */
    static @Nullable CfaPattern of(Bytes code) {
        try {
            return recognise(code.cursor(0));
        } catch (MalformedInputException e) {
            return null;
        }
    }

    private static @Nullable CfaPattern recognise(Cursor in) {
        if (!in.hasRemaining()) {
            return null;
        }
        int base = in.u8() - BREG0;
        if (base < 0 || base >= X86_64.RIP) {
            return null;
        }
        long offset = in.sleb128();
        boolean loaded = false;
        long addend = 0;
        while (in.hasRemaining()) {
            int operation = in.u8();
            if (operation == DEREF && !loaded) {
                loaded = true;
                continue;
            }
            if (operation == BREG_RIP && !loaded) {
                return plt(in, base, offset);
            }
            long constant;
            if (operation == PLUS_UCONST) {
                constant = in.uleb128();
            } else if (isLiteral(operation) && in.hasRemaining() && in.u8() == PLUS) {
                constant = (long) operation - LIT0;
            } else {
                return null;
            }
            if (loaded) {
                addend += constant;
            } else {
                offset += constant;
            }
        }
        return new CfaPattern(base, offset, loaded ? Form.DEREFERENCED : Form.SUM, addend);
    }

    /** {@code breg16 0; lit15; and; litN; ge; lit3; shl; plus} behind the base, of which the first operation has been read. */
    private static @Nullable CfaPattern plt(Cursor in, int base, long offset) {
        if (in.sleb128() != 0 || in.remaining() != 7) {
            return null;
        }
        boolean masked = in.u8() == LIT0 + 15 && in.u8() == AND;
        int threshold = in.u8() - LIT0;
        boolean scaled = in.u8() == GE && in.u8() == LIT0 + 3 && in.u8() == SHL && in.u8() == PLUS;
        return masked && scaled && threshold >= 0 && threshold <= 15
                ? new CfaPattern(base, offset, Form.PLT, threshold)
                : null;
    }

    private static boolean isLiteral(int operation) {
        return operation >= LIT0 && operation <= LIT31;
    }
}
