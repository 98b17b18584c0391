package org.backstitch.elf.dwarf;

import static org.backstitch.elf.dwarf.DwarfConstants.*;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Executes the call frame programs that compilers write, a whole entry at once, into the table that is to be made; any other is for
 * {@link CallFrameInterpreter}.
 *
 * <p>{@snippet :
 * int room = rows.start(fde);                         // for so many rows, unless it is NOT_PLAIN
 * int end = rows.execute(base, starts, rules, from);
 * while (end == PlainRows.UNKNOWN_WORD) {
 *     rows.learn(ruleOfRow(fde, rows.unknownRow()));  // as the other interpreter gives it
 *     end = rows.execute(base, starts, rules, from);
 * }
 * }
 *
 * <p>A row is plain if its CFA is a register and an offset, and if all that is said of other registers is that RBX, RBP, R12 to R15 or the
 * return address are saved in one of the 63 words below the CFA. It is one word, and an instruction changes a few bits of it:
 *
 * <pre>
 *     63       59 58       42 41   36                6 5     0
 *    +-----------+-----------+-------+------------+-------+
 *    | register  |  offset   |   6   |    ...     |   0   |
 *    +-----------+-----------+-------+------------+-------+
 *      of the CFA, in words    how many words below the CFA, 0 if it has no rule:
 *                              0 RBX  1 RBP  2 R12  3 R13  4 R14  5 R15  6 return address
 * </pre>
 *
 * <p>Rows of the same word have the same rules. Compilers know few ways to set up a frame: the half million rows of GCC's own code are two
 * thousand words. What stands for a word in the table is learned when it is met first, and kept for {@link #MAX_KNOWN} words; with more,
 * entries are no longer plain. Nothing is allocated on the way. Not thread-safe.
 */
public final class PlainRows {
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    /** {@link #execute}: the entry is for {@link CallFrameInterpreter}. */
    public static final int NOT_PLAIN = -1;

    /** {@link #execute}: a word has been met for the first time; {@link #learn} it, and execute the entry again. */
    public static final int UNKNOWN_WORD = -2;

    /** In place of a word: not plain. */
    static final long NO_WORD = -1;

    /** How many words are kept. */
    public static final int MAX_KNOWN = 1 << 15;

    private static final int FIRST_BITS = 7;
    private static final int DATA_ALIGNMENT = -8;
    private static final int RETURN_ADDRESS = 16;

    /** How many bytes of operands may be read behind a program. */
    static final int ROOM = 4;

    /** Programs that are longer, in bytes, are for the other interpreter. */
    private static final int MAX_PROGRAM = 1 << 16;

    /** How many states may be remembered at once. */
    private static final int MAX_REMEMBERED = 8;

    private static final int SLOT_BITS = 6;
    private static final long MAX_SLOT = (1 << SLOT_BITS) - 1;
    private static final int OFFSET_SHIFT = 7 * SLOT_BITS;
    private static final int OFFSET_BITS = 17;
    private static final int REGISTER_SHIFT = OFFSET_SHIFT + OFFSET_BITS;
    private static final long OFFSET_MASK = (1L << OFFSET_BITS) - 1 << OFFSET_SHIFT;
    private static final long CFA_MASK = -1L << OFFSET_SHIFT;

    /** How far up the slot of a register lies; -1 for a register that has none. */
    private static final byte[] SHIFTS = new byte[64];

    static {
        Arrays.fill(SHIFTS, (byte) -1);
        int[] registers = {3, 6, 12, 13, 14, 15, RETURN_ADDRESS};
        for (int i = 0; i < registers.length; i++) {
            SHIFTS[registers[i]] = (byte) (i * SLOT_BITS);
        }
    }

    /** Where programs are copied to that do not lie in an array yet: one is read faster. */
    private byte[] copy = new byte[512];

    /** The array that the entry's program is in, and room behind it. */
    private byte[] code = copy;

    private final long[] remembered = new long[MAX_REMEMBERED];

    private long initialWord;

    /**
     * The words met so far and what stands for them, two longs each, no more than half of the places taken: a word that is not at its
     * place is at one of the next.
     */
    private long[] known = new long[2 << FIRST_BITS];

    private int placeShift = Long.SIZE - FIRST_BITS;
    private int knownWords;

    private int codeStart;
    private int codeEnd;
    private long entryStart;
    private long entryLength;
    private int rowCount;
    private int unknownRow;
    private long unknownWord;

    /** Knows no words yet. */
    public PlainRows() {}

    /**
     * Goes to an entry.
     *
     * @return how many rows it has at most, if it is plain; else {@link #NOT_PLAIN}
     */
    public int start(FrameDescriptionEntry fde) {
        long length = fde.programEnd - fde.programStart;
        if (length > MAX_PROGRAM || !canBePlain(fde.cie().initialWord, fde.length())) {
            return NOT_PLAIN;
        }
        int size = (int) length;
        if (copy.length < size + ROOM) {
            copy = new byte[size * 2 + ROOM];
        }
        fde.cie().info.section().copyTo(copy, fde.programStart, size);
        return start(copy, 0, size, fde.start(), fde.length());
    }

    /** The same for an entry that is in an array already. */
    public int start(LinkedEntries.Cursor entry) {
        return entry.programEnd() - entry.programStart() > MAX_PROGRAM
                        || !canBePlain(entry.initialWord(), entry.length())
                ? NOT_PLAIN
                : start(entry.code(), entry.programStart(), entry.programEnd(), entry.start(), entry.length());
    }

    private boolean canBePlain(long word, long length) {
        initialWord = word;
        return word != NO_WORD && length >>> Integer.SIZE == 0 && knownWords < MAX_KNOWN;
    }

    private int start(byte[] array, int from, int to, long vaddr, long length) {
        code = array;
        codeStart = from;
        codeEnd = to;
        entryStart = vaddr;
        entryLength = length;
        return to - from + 1;
    }

    /** How many rows the entry executed last has: one at each advance that leads to more code, even if nothing changes there. */
    public int rowCount() {
        return rowCount;
    }

    /** Behind {@link #UNKNOWN_WORD}: which row has it, counted as {@link CallFrameInterpreter#nextRow} gives them. */
    public int unknownRow() {
        return unknownRow;
    }

    /**
     * Learns what stands for the unknown word.
     *
     * @param rule positive
     */
    public void learn(int rule) {
        put(known, unknownWord, rule);
        if (++knownWords * 4 > known.length) {
            long[] smaller = known;
            long[] larger = new long[smaller.length * 2];
            placeShift--;
            for (int at = 0; at < smaller.length; at += 2) {
                if (smaller[at + 1] != 0) {
                    put(larger, smaller[at], smaller[at + 1]);
                }
            }
            known = larger;
        }
    }

    private void put(long[] places, long word, long rule) {
        int at = place(word);
        while (places[at + 1] != 0) {
            at = at + 2 & places.length - 1;
        }
        places[at] = word;
        places[at + 1] = rule;
    }

    /** Where a word is, or else where the search for it begins. */
    private int place(long word) {
        return (int) (word * 0x9e37_79b9_7f4a_7c15L >>> placeShift) * 2;
    }

    /** What stands for a word, or 0. */
    private int ruleOf(long word) {
        long[] places = known;
        int at = place(word);
        while (places[at] != word && places[at + 1] != 0) {
            at = at + 2 & places.length - 1;
        }
        return (int) places[at + 1];
    }

    /** What a CIE's instructions leave, as a word; {@link #NO_WORD} if rows that begin with it are not plain. */
    static long initialWord(CommonInformationEntry cie) {
        RowState state = cie.initialState;
        if (cie.codeAlignment() != 1
                || cie.dataAlignment() != DATA_ALIGNMENT
                || cie.returnAddressRegister() != RETURN_ADDRESS
                || cie.isSignalFrame()
                || !state.isPlain()
                || state.cfaRegister > RETURN_ADDRESS
                || !isPlainOffset(state.cfaOffset)) {
            return NO_WORD;
        }
        long word = cfa(state.cfaRegister, state.cfaOffset);
        for (int register = 0; register < RowState.DENSE; register++) {
            long rule = state.rules[register];
            long slot = (rule >> RowState.KIND_BITS) / DATA_ALIGNMENT;
            if (rule == RowState.UNSPECIFIED) {
                continue;
            }
            boolean isPlain = rule == (slot * DATA_ALIGNMENT << RowState.KIND_BITS | RowState.OFFSET)
                    && slot > 0
                    && slot <= MAX_SLOT
                    && SHIFTS[register] >= 0;
            if (!isPlain) {
                return NO_WORD;
            }
            word |= slot << SHIFTS[register];
        }
        return word;
    }

    private static boolean isPlainOffset(long offset) {
        return (offset & ~(OFFSET_MASK >>> OFFSET_SHIFT << 3)) == 0;
    }

    private static long cfa(long register, long offset) {
        return register << REGISTER_SHIFT | offset >>> 3 << OFFSET_SHIFT;
    }

    /**
     * Executes the entry that was {@linkplain #start gone to}. Rows of the same rules that follow each other are written as one, and none
     * that are for no code.
     *
     * @param base what addresses are counted from: at most 2<sup>32</sup> - 1 bytes below the end of the entry
     * @param starts gets the addresses that rows start at, from {@code from} on; must have room for one more than {@link #start} said
     * @param rules gets what stands for their rules; if the row in front has the same as the first, it goes on in that one
     * @param from where to begin
     * @return where the rows end; {@link #NOT_PLAIN} if one of them is not plain, or if anything is wrong with them; {@link #UNKNOWN_WORD}
     */
    public int execute(long base, int[] starts, int[] rules, int from) {
        byte[] program = code; // operands that lie behind the program are read, but lead to nothing
        int end = codeEnd;
        long location = entryStart - base;
        long locationEnd = location + entryLength;
        long rowStart = location;
        long word = initialWord;
        int depth = 0;
        int rows = 0;
        int emptyRows = 0;
        int to = from;
        int last = from == 0 ? 0 : rules[from - 1];
        int at = codeStart;
        while (at < end) {
            int opcode = program[at++]; // signed: -128 and above are DW_CFA_offset, -64 and above DW_CFA_restore
            if (opcode >= DW_CFA_advance_loc) {
                location += opcode & 0x3f;
            } else if (opcode == DW_CFA_def_cfa_offset) {
                int offset = program[at++];
                if (offset < 0) {
                    int second = program[at++];
                    offset = offset & 0x7f | second << 7;
                    if (second < 0) {
                        int third = program[at++];
                        offset = offset & 0x3fff | third << 14;
                    }
                }
                if (!isPlainOffset(offset)) {
                    return NOT_PLAIN;
                }
                word = word & ~OFFSET_MASK | (long) offset << OFFSET_SHIFT - 3;
                continue;
            } else if (opcode < (byte) DW_CFA_restore) {
                int shift = SHIFTS[opcode & 0x3f];
                int slot = program[at++];
                if (shift < 0 || slot <= 0 || slot > MAX_SLOT) {
                    return NOT_PLAIN;
                }
                word = word & ~(MAX_SLOT << shift) | (long) slot << shift;
                continue;
            } else if (opcode < 0) {
                int shift = SHIFTS[opcode & 0x3f];
                if (shift < 0) {
                    return NOT_PLAIN;
                }
                word ^= (word ^ initialWord) & MAX_SLOT << shift;
                continue;
            } else {
                switch (opcode) {
                    case DW_CFA_advance_loc1 -> location += program[at++] & 0xff;
                    case DW_CFA_advance_loc2 -> {
                        location += (short) SHORT.get(program, at) & 0xffff;
                        at += 2;
                    }
                    case DW_CFA_advance_loc4 -> {
                        location += (int) INT.get(program, at) & 0xffff_ffffL;
                        at += 4;
                    }
                    case DW_CFA_nop -> {
                        continue;
                    }
                    case DW_CFA_remember_state -> {
                        if (depth == MAX_REMEMBERED) {
                            return NOT_PLAIN;
                        }
                        remembered[depth++] = word;
                        continue;
                    }
                    case DW_CFA_restore_state -> {
                        if (depth == 0) {
                            return NOT_PLAIN;
                        }
                        word = remembered[--depth];
                        continue;
                    }
                    case DW_CFA_def_cfa -> {
                        int register = program[at++];
                        int offset = program[at++];
                        if (offset < 0) {
                            offset = offset & 0x7f | program[at++] << 7;
                        }
                        if (register < 0 || register > RETURN_ADDRESS || !isPlainOffset(offset)) {
                            return NOT_PLAIN;
                        }
                        word = word & ~CFA_MASK | cfa(register, offset);
                        continue;
                    }
                    case DW_CFA_def_cfa_register -> {
                        int register = program[at++];
                        if (register < 0 || register > RETURN_ADDRESS) {
                            return NOT_PLAIN;
                        }
                        word = word & -1L >>> Long.SIZE - REGISTER_SHIFT | (long) register << REGISTER_SHIFT;
                        continue;
                    }
                    default -> {
                        return NOT_PLAIN;
                    }
                }
            }
            if (location != rowStart) {
                int rule = ruleOf(word);
                if (rule == 0) {
                    return unknown(word, rows);
                }
                starts[to] = (int) rowStart;
                rules[to] = rule;
                to += rule == last ? 0 : 1;
                last = rule;
                rowStart = location;
            } else {
                emptyRows++;
            }
            rows++;
        }
        if (at != end || location >= locationEnd) {
            return NOT_PLAIN;
        }
        int rule = ruleOf(word);
        if (rule == 0) {
            return unknown(word, rows);
        }
        starts[to] = (int) rowStart;
        rules[to] = rule;
        to += rule == last ? 0 : 1;
        rowCount = rows + 1 - emptyRows;
        return to;
    }

    private int unknown(long word, int row) {
        unknownWord = word;
        unknownRow = row;
        return UNKNOWN_WORD;
    }
}
