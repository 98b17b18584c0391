package org.backstitch.code.stack;

import org.backstitch.unwind.machine.X86_64;

/**
 * What the analysis knows of a 64-bit value, as one {@code long}: a kind in the upper half, a signed offset in the lower.
 *
 * <p>Values are compared with {@code ==}. The kinds form a flat lattice with two tops: {@link #OTHER} is a value that has nothing to
 * do with the frame (an argument, a result, what was loaded from elsewhere), {@link #UNKNOWN} one that was lost track of and may be
 * anything. Only the first contradicts a claim that a register still has its initial value.
 */
public final class Value {
    /** It may be anything: paths disagree, or an operation cannot be followed. */
    public static final long UNKNOWN = 0;

    /** Something that is neither an address in the frame nor a callee-saved register's initial value. */
    public static final long OTHER = 1L << 32;

    /** The constant that is the offset. */
    public static final int CONSTANT = 2;

    /** The canonical frame address, RSP before the call of the function, plus the offset. */
    public static final int CFA = 3;

    /**
     * A place in the frame whose distance from the CFA is not fixed, plus the offset: RSP after it was aligned or moved by a variable
     * amount. A state knows one such place at a time.
     */
    public static final int ALIGNED = 4;

    /** The address in the module, counted in its {@link ModuleCode} space, that is the offset. */
    public static final int MODULE = 5;

    /** A 32-bit entry, sign-extended, of the table at the offset. */
    static final int TABLE_ENTRY = 6;

    /** A 32-bit entry of the table at the offset, plus the table's address. */
    static final int TABLE_TARGET = 7;

    /** A 64-bit entry of the table at the offset. */
    static final int TABLE_POINTER = 8;

    /** {@code INITIAL + r} is what register r (its DWARF number, 16 for the return address) held at the function's entry. */
    public static final int INITIAL = 16;

    private static final int CALLEE_SAVED =
            1 << X86_64.RBX | 1 << X86_64.RBP | 1 << X86_64.R12 | 1 << X86_64.R13 | 1 << X86_64.R14 | 1 << X86_64.R15;

    private Value() {}

    /** The value of a kind and an offset. */
    public static long of(int kind, int offset) {
        return (long) kind << 32 | offset & 0xffff_ffffL;
    }

    /** What a register held at the function's entry. */
    public static long initial(int register) {
        return of(INITIAL + register, 0);
    }

    /** The CFA plus {@code offset}. */
    public static long cfa(int offset) {
        return of(CFA, offset);
    }

    /** The kind; 0 and 1 for {@link #UNKNOWN} and {@link #OTHER}. */
    public static int kind(long value) {
        return (int) (value >>> 32);
    }

    /** The offset of the kinds that have one. */
    public static int offset(long value) {
        return (int) value;
    }

    /** Whether it is an address in the frame. */
    public static boolean isFrame(long value) {
        int kind = kind(value);
        return kind == CFA || kind == ALIGNED;
    }

    /** Whether it comes out of a table of the module's. */
    static boolean isTable(long value) {
        int kind = kind(value);
        return kind == TABLE_ENTRY || kind == TABLE_TARGET || kind == TABLE_POINTER || kind == MODULE;
    }

    /** Whether {@code register} must be preserved by a function (System V ABI x86-64 §3.2.1). RSP counts for itself. */
    public static boolean isCalleeSaved(int register) {
        return (CALLEE_SAVED >>> register & 1) != 0;
    }

    /** Whether it is exactly what a callee-saved register, or the slot of the return address, held at the entry. */
    static boolean isSaved(long value) {
        int register = kind(value) - INITIAL;
        return register >= 0 && offset(value) == 0 && (isCalleeSaved(register) || register == X86_64.RIP);
    }

    /** The callee-saved register that held the value at the entry, exactly; -1 if none did. */
    static int savedRegister(long value) {
        int register = kind(value) - INITIAL;
        return register >= 0 && offset(value) == 0 && isCalleeSaved(register) ? register : -1;
    }

    /** Whether it is exactly what some register held at the entry. */
    static boolean isInitial(long value) {
        return kind(value) >= INITIAL && offset(value) == 0;
    }

    /** Whether it matters for unwinding: an address in the frame, an initial value that has to be restored, or a lost one. */
    static boolean matters(long value) {
        return value == UNKNOWN || isFrame(value) || isSaved(value);
    }

    /** The value plus a constant. */
    static long plus(long value, long addend) {
        int kind = kind(value);
        switch (kind) {
            case 0 -> {
                return UNKNOWN;
            }
            case 1, TABLE_ENTRY, TABLE_TARGET, TABLE_POINTER -> {
                return addend == 0 ? value : OTHER;
            }
            default -> {
                long sum = offset(value) + addend;
                if ((int) sum == sum) {
                    return of(kind, (int) sum);
                }
                return kind == CONSTANT || kind == MODULE ? OTHER : UNKNOWN;
            }
        }
    }

    /** What is known where two paths meet. */
    static long join(long left, long right) {
        if (left == right) {
            return left;
        }
        return matters(left) || matters(right) ? UNKNOWN : OTHER;
    }

    /** The value in words: {@code CFA-24}, {@code initial rbx}, {@code unknown}. */
    public static String describe(long value) {
        int kind = kind(value);
        int offset = offset(value);
        return switch (kind) {
            case 0 -> "unknown";
            case 1, TABLE_ENTRY, TABLE_TARGET, TABLE_POINTER -> "other";
            case CONSTANT -> Integer.toString(offset);
            case CFA -> "CFA" + signed(offset);
            case ALIGNED -> "aligned" + signed(offset);
            case MODULE -> "module" + signed(offset);
            default -> {
                int register = kind - INITIAL;
                String name = register == X86_64.RIP ? "return address" : "initial " + X86_64.name(register);
                yield offset == 0 ? name : name + signed(offset);
            }
        };
    }

    private static String signed(int offset) {
        return offset < 0 ? Integer.toString(offset) : "+" + offset;
    }
}
