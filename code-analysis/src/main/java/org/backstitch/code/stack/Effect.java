package org.backstitch.code.stack;

/**
 * What one instruction does, as far as the stack is concerned, packed into a {@code long}; rarely into two.
 *
 * <table>
 *   <caption>The bits of a word</caption>
 *   <tr><th>bits</th><th>meaning</th></tr>
 *   <tr><td>0–5</td><td>operation, one of the constants here</td></tr>
 *   <tr><td>6–9</td><td>the instruction's length in bytes; 0 in a second word</td></tr>
 *   <tr><td>10–14, 15–19</td><td>two registers, a and b; {@link #NO_REGISTER} for none</td></tr>
 *   <tr><td>20–26</td><td>width of a memory operand in bytes, or the index register of a table look-up</td></tr>
 *   <tr><td>27</td><td>{@link #MORE}</td></tr>
 *   <tr><td>28</td><td>{@link #PADDING}</td></tr>
 *   <tr><td>29</td><td>{@link #LOCK}</td></tr>
 *   <tr><td>30</td><td>{@link #DECIDED}</td></tr>
 *   <tr><td>32–63</td><td>a signed number: displacement, immediate, target in the module's space, or mask of registers</td></tr>
 * </table>
 *
 * <p>Below, {@code a} and {@code b} are the registers and {@code n} is the number.
 */
public final class Effect {
    /** Nothing that matters. */
    public static final int NONE = 0;
    /** The registers of the mask n get values that have nothing to do with the frame; if b is a register, a part of it. */
    public static final int SET = 1;
    /** a = b. */
    public static final int MOVE = 2;
    /** a = b + n. */
    public static final int LEA = 3;
    /** a = address n of the module. */
    public static final int ADDRESS = 4;
    /** a = b + something. */
    public static final int LEA_INDEXED = 5;
    /** a = a + n. */
    public static final int ADD = 6;
    /** a = n. */
    public static final int CONSTANT = 7;
    /** Pushes a. */
    public static final int PUSH = 8;
    /** Pushes something else, of n bytes. */
    public static final int PUSH_OTHER = 9;
    /** Pushes the eight bytes at b + n. */
    public static final int PUSH_MEMORY = 10;
    /** Pops a. */
    public static final int POP = 11;
    /** a = the eight bytes at b + n. */
    public static final int LOAD = 12;
    /** The eight bytes at b + n = a. */
    public static final int STORE = 13;
    /** The bytes of the width at b + n get some value. */
    public static final int CLOBBER = 14;
    /** a = a & n. */
    public static final int AND = 15;
    /** RSP = RBP, pop RBP. */
    public static final int LEAVE = 16;
    /** Push RBP, RBP = RSP, RSP = RSP - n. */
    public static final int ENTER = 17;
    /** a and b change places. */
    public static final int EXCHANGE = 18;
    /** a = a + b. */
    public static final int ADD_REGISTER = 19;
    /** a = a - b. */
    public static final int SUBTRACT_REGISTER = 20;
    /** Compares a with b. */
    public static final int COMPARE = 21;
    /** Compares a with n: what bounds the index of a jump table. */
    public static final int COMPARE_CONSTANT = 22;
    /** a = the 32-bit entry of the table at b, by an index; or of the table that the index register points to, by b. */
    public static final int LOAD_TABLE_32 = 23;
    /** a = the 64-bit entry, by an index, of the table at b + n; b may be no register. */
    public static final int LOAD_TABLE_64 = 24;

    /** a = a, with its lower 32 bits sign-extended. */
    public static final int EXTEND = 25;

    /** The eight bytes at b + 8 * the index register + n = a. */
    public static final int STORE_INDEXED = 26;

    /** The first of the operations that control may not simply pass. */
    static final int FIRST_CONTROL = 32;
    /** Calls n. */
    public static final int CALL = 32;
    /** Calls what is not known; the eight bytes at n of the module if a is {@link #IN_MODULE}. */
    public static final int CALL_INDIRECT = 33;
    /** Goes to n. */
    public static final int JUMP = 34;
    /** Goes to n or on; width 1 if it goes on only if equal, 2 if it goes to n only if equal, 0 otherwise. */
    public static final int BRANCH = 35;
    /** Goes where a points. */
    public static final int JUMP_REGISTER = 36;
    /** Goes to the 64-bit entry, by an index, of the table at b + n; b may be no register. */
    public static final int JUMP_TABLE = 37;
    /** Goes to the eight bytes at n of the module if a is {@link #IN_MODULE}, to what is not known otherwise. */
    public static final int JUMP_MEMORY = 38;
    /** Returns; to another privilege or code segment if n is {@link #FAR}, by more than a return address. */
    public static final int RETURN = 39;
    /** Traps: control does not go on. */
    public static final int STOP = 40;
    /** Traps or waits; in kernels control may go on. */
    public static final int TRAP = 41;
    /** Bytes that the disassembler does not know. */
    public static final int UNDECODED = 42;

    /** Calls the system, which the mask n of registers gets other values from. */
    public static final int SYSTEM_CALL = 43;

    /** A return that takes more from the stack than a return address. */
    static final int FAR = 1;

    /** For an absent register. */
    public static final int NO_REGISTER = 31;
    /** In place of a register: the address is n of the module. */
    public static final int IN_MODULE = 30;

    /** The instruction's effect goes on in the next word. */
    public static final long MORE = 1L << 27;
    /** The instruction does nothing but take room, or catch control where it must not come. */
    public static final long PADDING = 1L << 28;
    /** Whether the call returns was found out by following what lies behind it. */
    static final long DECIDED = 1L << 30;
    /** The instruction starts with a lock prefix, over which some code jumps. */
    public static final long LOCK = 1L << 29;

    private Effect() {}

    static long of(int operation, int a, int b, int n) {
        return (long) n << 32 | (long) b << 15 | (long) a << 10 | operation;
    }

    static long of(int operation, int a, int n) {
        return of(operation, a, NO_REGISTER, n);
    }

    static long withWidth(long word, int width) {
        return word | (long) (width & 0x7f) << 20;
    }

    /** A call's word that says for good whether it returns. */
    static long withAnswer(long word, int answer) {
        return withWidth(word & ~(0x7fL << 20), answer) | DECIDED;
    }

    static long withLength(long word, int length) {
        return word | (long) (length & 0xf) << 6;
    }

    /** The registers that a word writes, as a mask; without what calls leave behind. */
    static int written(long word) {
        int a = 1 << a(word);
        return switch (operation(word)) {
            case SET -> n(word);
            case MOVE, LEA, ADDRESS, LEA_INDEXED, ADD, CONSTANT, POP, LOAD, AND -> a;
            case ADD_REGISTER, SUBTRACT_REGISTER, LOAD_TABLE_32, LOAD_TABLE_64, EXTEND -> a;
            case EXCHANGE -> a | 1 << b(word);
            default -> 0;
        };
    }

    /** The operation. */
    public static int operation(long word) {
        return (int) word & 0x3f;
    }

    /** The instruction's length in bytes; 0 in a second word. */
    public static int length(long word) {
        return (int) word >>> 6 & 0xf;
    }

    /** The register a. */
    public static int a(long word) {
        return (int) word >>> 10 & 0x1f;
    }

    /** The register b. */
    public static int b(long word) {
        return (int) word >>> 15 & 0x1f;
    }

    /** The width. */
    public static int width(long word) {
        return (int) word >>> 20 & 0x7f;
    }

    /** The number n. */
    public static int n(long word) {
        return (int) (word >> 32);
    }
}
