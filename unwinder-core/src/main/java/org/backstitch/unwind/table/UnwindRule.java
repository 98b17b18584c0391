package org.backstitch.unwind.table;

import java.util.Locale;
import org.backstitch.unwind.machine.X86_64;

/**
 * How to get from one frame to its caller, in one 64-bit word: the language that every unwind format is compiled into.
 *
 * <p>A rule says where the canonical frame address (CFA: the value of RSP in the caller, DWARF 5 §6.4) is, and from it where the
 * return address and the caller's RBP lie. Words are plain {@code long}s, compared with {@code ==}; this class builds them and takes
 * them apart. {@code base} is the value of the base register, {@code *x} the eight bytes at {@code x}:
 *
 * <pre>
 *   CFA            = base + cfaOffset               or, dereferenced, *(base + cfaOffset) + addend, or *(base) + cfaOffset
 *   return address = *(CFA - 8)                     (kind CALL and PLT; for the others see their constants)
 *   caller's RBP   = RBP, or *(CFA + rbpOffset), or *(base + rbpOffset), or *(RBP + rbpOffset), or unknown
 * </pre>
 *
 * <pre>
 *   63            40 39          24 23     16    15     14  12  11     10       9      8   4 3    0
 *  +----------------+--------------+---------+---------+------+------+--------+-------+-----+------+
 *  |   cfaOffset    |  rbpOffset   | addend  | d. base | rbp  | side | signal | deref | base| kind |
 *  +----------------+--------------+---------+---------+------+------+--------+-------+-----+------+
 *      signed           signed       signed          3 bits
 * </pre>
 *
 * <p>The other callee-saved registers are in a second word beside it ({@link SavedRegisters}), which only a walk that recovers them
 * looks at. What neither can say exactly has a complete row in the table's side table: then {@link #hasSide} is set, and for a row
 * whose CFA, RBP or return address do not fit, the kind is {@link #SIDE}.
 */
public final class UnwindRule {
    /** The word of no rule: no row covers the address. */
    public static final long NONE = 0;

    /** The kind of {@link #NONE}. */
    public static final int NONE_KIND = 0;

    /** The return address was pushed by a call: it lies at CFA - 8. */
    public static final int CALL = 1;

    /** The outermost frame: it has no caller (an undefined return address in DWARF, {@code END_OF_STACK} in ORC). */
    public static final int END = 2;

    /** A row that says that nothing is known here (ORC's {@code UNDEFINED}). */
    public static final int UNDEFINED = 3;

    /** The kernel's {@code struct pt_regs} lies at the CFA, complete (ORC's {@code REGS}). */
    public static final int REGISTERS = 4;

    /** The hardware's interrupt frame (RIP, CS, RFLAGS, RSP, SS) lies at the CFA (ORC's {@code REGS_PARTIAL}). */
    public static final int PARTIAL_REGISTERS = 5;

    /** A signal frame: the return address is the interrupted pc, and lies at base + cfaOffset + 8, behind the saved RSP. */
    public static final int SIGNAL = 6;

    /**
     * A lazily bound PLT entry, whose stub pushes on its way: the CFA is 8 higher where the low four bits of the pc are at least
     * {@link #addend}.
     */
    public static final int PLT = 7;

    /** The row is only in the side table. */
    public static final int SIDE = 8;

    /** The unwind information for this address is malformed. */
    public static final int MALFORMED = 9;

    /** RBP in the caller is RBP in this frame. */
    public static final int RBP_SAME = 0;

    /** RBP in the caller lies at CFA + rbpOffset. */
    public static final int RBP_AT_CFA = 1;

    /** RBP in the caller lies at base + rbpOffset. */
    public static final int RBP_AT_BASE = 2;

    /** RBP in the caller is not known. */
    public static final int RBP_UNDEFINED = 3;

    /** RBP in the caller lies at RBP + rbpOffset, and the CFA is based on another register. */
    public static final int RBP_AT_RBP = 4;

    /** The smallest and largest CFA offset that a word can hold, in bytes. */
    public static final int MIN_CFA_OFFSET = -(1 << 23);

    public static final int MAX_CFA_OFFSET = (1 << 23) - 1;

    private static final int BASE_SHIFT = 4;
    private static final int ADDEND_SHIFT = 16;
    private static final int RBP_MODE_SHIFT = 12;
    private static final int RBP_OFFSET_SHIFT = 24;
    private static final int CFA_OFFSET_SHIFT = 40;

    /** Set when the CFA is loaded from base + cfaOffset. */
    public static final long DEREF = 1L << 9;

    /**
     * Set when the CFA is what the base register points to, plus cfaOffset: the stack pointer that was saved at the top of another
     * stack (ORC's {@code SP_INDIRECT}). {@link #DEREF} is clear then.
     */
    public static final long DEREF_BASE = 1L << 15;

    /** Set when the caller was interrupted, not calling: its pc is exact, and is looked up as it is (DWARF's augmentation S). */
    public static final long EXACT_CALLER = 1L << 10;

    /** Set when the table's side table holds a complete row for this rule. */
    public static final long HAS_SIDE = 1L << 11;

    /** The word of a kind that says all by itself: {@link #END}, {@link #UNDEFINED} or {@link #MALFORMED}. */
    public static long of(int kind) {
        return of(kind, 0, 0, RBP_SAME, 0, 0, 0);
    }

    private UnwindRule() {}

    /**
     * The word of a rule.
     *
     * @param kind {@link #CALL} to {@link #MALFORMED}
     * @param base the register that the CFA is based on, by its DWARF number (System V ABI x86-64, figure 3.36): 0 to 16
     * @param cfaOffset in bytes; {@link #fitsCfaOffset} must hold
     * @param rbpMode {@link #RBP_SAME} to {@link #RBP_AT_RBP}
     * @param rbpOffset in bytes; {@link #fitsRbpOffset} must hold; 0 unless the mode uses it
     * @param addend in bytes, -128 to 127: added to a dereferenced CFA; for {@link #PLT} the threshold 0 to 15
     * @param flags any of {@link #DEREF} or {@link #DEREF_BASE}, {@link #EXACT_CALLER} and {@link #HAS_SIDE}
     */
    public static long of(int kind, int base, long cfaOffset, int rbpMode, long rbpOffset, int addend, long flags) {
        if (kind < CALL
                || kind > MALFORMED
                || base < 0
                || base > 16
                || !fitsCfaOffset(cfaOffset)
                || !fitsRbpOffset(rbpOffset)
                || addend != (byte) addend
                || rbpMode < 0
                || rbpMode > RBP_AT_RBP
                || (flags & ~(DEREF | DEREF_BASE | EXACT_CALLER | HAS_SIDE)) != 0
                || (flags & (DEREF | DEREF_BASE)) == (DEREF | DEREF_BASE)) {
            throw new IllegalArgumentException(
                    "no rule word can say this: kind %d, base %d, CFA %+d, RBP mode %d %+d, addend %d"
                            .formatted(kind, base, cfaOffset, rbpMode, rbpOffset, addend));
        }
        return kind
                | (long) base << BASE_SHIFT
                | flags
                | (long) rbpMode << RBP_MODE_SHIFT
                | (addend & 0xffL) << ADDEND_SHIFT
                | (rbpOffset & 0xffffL) << RBP_OFFSET_SHIFT
                | cfaOffset << CFA_OFFSET_SHIFT;
    }

    /** Whether a CFA offset fits a word. */
    public static boolean fitsCfaOffset(long offset) {
        return offset >= MIN_CFA_OFFSET && offset <= MAX_CFA_OFFSET;
    }

    /** Whether an offset of the saved RBP fits a word. */
    public static boolean fitsRbpOffset(long offset) {
        return offset == (short) offset;
    }

    /** {@link #CALL} to {@link #MALFORMED}, or 0 for {@link #NONE}. */
    public static int kind(long rule) {
        return (int) rule & 0xf;
    }

    /** The DWARF number of the register that the CFA is based on. */
    public static int base(long rule) {
        return (int) (rule >>> BASE_SHIFT) & 0x1f;
    }

    /** Signed, in bytes. */
    public static long cfaOffset(long rule) {
        return rule >> CFA_OFFSET_SHIFT;
    }

    /** Signed, in bytes. */
    public static long rbpOffset(long rule) {
        return (short) (rule >>> RBP_OFFSET_SHIFT);
    }

    /** {@link #RBP_SAME} to {@link #RBP_AT_RBP}. */
    public static int rbpMode(long rule) {
        return (int) (rule >>> RBP_MODE_SHIFT) & 7;
    }

    /** What is added to a dereferenced CFA, in bytes; for {@link #PLT} the threshold. */
    public static int addend(long rule) {
        return (byte) (rule >>> ADDEND_SHIFT);
    }

    /** Whether the CFA is loaded from base + cfaOffset. */
    public static boolean isDereferenced(long rule) {
        return (rule & DEREF) != 0;
    }

    /** Whether the CFA is loaded from where the base register points to, and cfaOffset added then. */
    public static boolean isBaseDereferenced(long rule) {
        return (rule & DEREF_BASE) != 0;
    }

    /** Whether the caller's pc is exact because it was interrupted there. */
    public static boolean callerIsExact(long rule) {
        return (rule & EXACT_CALLER) != 0;
    }

    /** Whether the side table holds a complete row. */
    public static boolean hasSide(long rule) {
        return (rule & HAS_SIDE) != 0;
    }

    /** The rule in words, for people: {@code call rsp+16 rbp=c-16}. */
    public static String toString(long rule) {
        if (rule == NONE) {
            return "none";
        }
        String kind = switch (kind(rule)) {
            case CALL -> "call";
            case END -> "end";
            case UNDEFINED -> "undefined";
            case REGISTERS -> "regs";
            case PARTIAL_REGISTERS -> "regs-partial";
            case SIGNAL -> "signal";
            case PLT -> "plt";
            case MALFORMED -> "malformed";
            default -> "side";
        };
        StringBuilder text = new StringBuilder(kind);
        if (describesCaller(rule)) {
            String base = X86_64.name(base(rule)) + signed(cfaOffset(rule));
            text.append(' ');
            if (isDereferenced(rule)) {
                text.append("*(").append(base).append(')').append(signed(addend(rule)));
            } else if (isBaseDereferenced(rule)) {
                text.append("*(").append(X86_64.name(base(rule))).append(')').append(signed(cfaOffset(rule)));
            } else {
                text.append(base);
            }
            if (kind(rule) == PLT) {
                text.append("+8*(rip&15>=").append(addend(rule)).append(')');
            }
            switch (rbpMode(rule)) {
                case RBP_AT_CFA -> text.append(" rbp=c").append(signed(rbpOffset(rule)));
                case RBP_AT_BASE -> text.append(" rbp=b").append(signed(rbpOffset(rule)));
                case RBP_UNDEFINED -> text.append(" rbp=u");
                case RBP_AT_RBP ->
                    text.append(" rbp=*(rbp").append(signed(rbpOffset(rule))).append(')');
                default -> text.append("");
            }
        }
        if (callerIsExact(rule)) {
            text.append(" exact-caller");
        }
        if (hasSide(rule)) {
            text.append(" +side");
        }
        return text.toString();
    }

    private static boolean describesCaller(long rule) {
        return switch (kind(rule)) {
            case END, UNDEFINED, SIDE, MALFORMED -> false;
            default -> true;
        };
    }

    private static String signed(long value) {
        return String.format(Locale.ROOT, "%+d", value);
    }
}
