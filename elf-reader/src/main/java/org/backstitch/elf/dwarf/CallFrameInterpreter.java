package org.backstitch.elf.dwarf;

import static org.backstitch.elf.dwarf.DwarfConstants.*;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.backstitch.bytes.MalformedInputException;

/**
 * Executes call frame instructions and stops at every row (DWARF 5 §6.4.2, §6.4.3).
 *
 * <p>{@snippet :
 * interpreter.start(fde);
 * while (interpreter.nextRow()) {
 *     // the row covers [rowStart(), rowEnd())
 * }
 * }
 *
 * <p>One interpreter can execute any number of entries one after the other, and allocates nothing on the way unless rules are
 * asked for as objects. Not thread-safe.
 *
 * <p>Where the standard is silent, it does as binutils and libgcc do: {@code DW_CFA_def_cfa_register} after an expression goes on
 * with the numeric offset from before it, {@code DW_CFA_def_cfa_offset} after an expression leaves the expression in force, and
 * {@code DW_CFA_restore_state} restores the CFA as well.
 */
public final class CallFrameInterpreter {
    /** The kinds of register rules, as {@link #ruleKind} gives them. */
    public static final int UNSPECIFIED = RowState.UNSPECIFIED;

    public static final int UNDEFINED = RowState.UNDEFINED;
    public static final int SAME_VALUE = RowState.SAME_VALUE;
    public static final int OFFSET = RowState.OFFSET;
    public static final int VAL_OFFSET = RowState.VAL_OFFSET;
    public static final int REGISTER = RowState.REGISTER;
    public static final int EXPRESSION = RowState.EXPRESSION;
    public static final int VAL_EXPRESSION = RowState.VAL_EXPRESSION;

    /** How many states may be remembered at once; compilers nest them one or two deep. */
    private static final int MAX_REMEMBERED = 1024;

    private final RowState state = new RowState();
    private final List<RowState> remembered = new ArrayList<>();
    private int rememberedCount;

    private CommonInformationEntry cie;
    /** What {@code DW_CFA_restore} goes back to: nothing, as long as the CIE itself is executed. */
    private RowState initial;

    private Bytes section;
    private long position;
    private long programEnd;

    /** The beginning of the program, or all of it: an array is read faster. */
    private final byte[] code = new byte[512];

    private long codeStart;
    private int codeLength;
    private long location;
    private long fdeEnd;
    private long rowStart;
    private long rowEnd;
    private boolean finished;
    private long argumentsSize;

    /** An interpreter that is at no entry yet: {@link #start} it. */
    @SuppressWarnings("NullAway.Init") // start() sets what is read; nextRow() before it returns false.
    public CallFrameInterpreter() {
        finished = true;
    }

    /** The state that a CIE's initial instructions leave. */
    static RowState initialState(CommonInformationEntry cie) {
        CallFrameInterpreter interpreter = new CallFrameInterpreter();
        interpreter.cie = cie;
        interpreter.initial = new RowState();
        interpreter.section = cie.info.section();
        interpreter.load(cie.programStart, cie.programEnd);
        interpreter.finished = false;
        while (interpreter.position < interpreter.programEnd) {
            long at = interpreter.position;
            if (interpreter.execute()) {
                throw interpreter.section.malformed(at, "a common information entry that advances the location");
            }
        }
        return interpreter.state;
    }

    /** Goes to the beginning of an entry's instructions. */
    public void start(FrameDescriptionEntry fde) {
        cie = fde.cie();
        section = cie.info.section();
        initial = cie.initialState;
        state.copyFrom(initial);
        rememberedCount = 0;
        load(fde.programStart, fde.programEnd);
        location = fde.start();
        fdeEnd = fde.end();
        rowStart = location;
        rowEnd = location;
        finished = false;
        argumentsSize = 0;
    }

    private void load(long start, long end) {
        position = start;
        programEnd = end;
        codeStart = start;
        codeLength = (int) Math.min(code.length, end - start);
        section.copyTo(code, start, codeLength);
    }

    /**
     * Goes to the next row: the first one starts where the entry starts, and one more at each advance, even if nothing changed in
     * between (then rows repeat, or are empty).
     *
     * @return whether there is one
     * @throws MalformedInputException if the instructions are malformed; the rows given before are as they should be
     */
    public boolean nextRow() {
        if (finished) {
            return false;
        }
        rowStart = location;
        while (position < programEnd) {
            long at = position;
            if (execute()) {
                if (Long.compareUnsigned(location, rowStart) < 0) {
                    throw section.malformed(at, "a location that goes back from 0x%x".formatted(rowStart));
                }
                rowEnd = location;
                return true;
            }
        }
        rowEnd = fdeEnd;
        finished = true;
        return true;
    }

    /** The first vaddr of the current row. */
    public long rowStart() {
        return rowStart;
    }

    /**
     * The vaddr behind the current row: where the next one starts, or where the entry ends. Rows may be empty, and may lie behind the
     * end of the entry (the last one then ends before it starts): such rows are for no code.
     */
    public long rowEnd() {
        return rowEnd;
    }

    /** The register that the CFA is based on; meaningless while {@link #hasCfaExpression}. */
    public int cfaRegister() {
        return state.cfaRegister;
    }

    /** The offset of the CFA from its register, in bytes; while {@link #hasCfaExpression} the one from before the expression. */
    public long cfaOffset() {
        return state.cfaOffset;
    }

    /** Whether the CFA is what an expression yields. */
    public boolean hasCfaExpression() {
        return state.cfaExpression != RowState.NO_EXPRESSION;
    }

    /** The CFA's expression; only while {@link #hasCfaExpression}. */
    public DwarfExpression cfaExpression() {
        return RowState.expression(section, state.cfaExpression);
    }

    /** The operations of {@link #cfaExpression} (DWARF 5 §2.5), where they lie in the section; only while {@link #hasCfaExpression}. */
    public Bytes cfaExpressionCode() {
        return RowState.expressionCode(section, state.cfaExpression);
    }

    /** Which general registers (the return address among them) have a rule: bit n for DWARF number n. */
    public int specifiedRegisters() {
        return state.specified;
    }

    /** The kind of a general register's rule: {@link #UNSPECIFIED} to {@link #VAL_EXPRESSION}. */
    public int ruleKind(int register) {
        return (int) state.rules[register] & ((1 << RowState.KIND_BITS) - 1);
    }

    /** The offset of a rule that has one, in bytes, or the number of the register that it names. */
    public long ruleOperand(int register) {
        return state.rules[register] >> RowState.KIND_BITS;
    }

    /** The expression of a rule that has one. */
    public DwarfExpression ruleExpression(int register) {
        return RowState.expression(section, ruleOperand(register));
    }

    /** The operations of {@link #ruleExpression} (DWARF 5 §2.5), where they lie in the section. */
    public Bytes ruleExpressionCode(int register) {
        return RowState.expressionCode(section, ruleOperand(register));
    }

    /** Whether registers other than the general ones and the return address have rules: {@link #row} tells them. */
    public boolean hasUncommonRegisters() {
        return state.hasOthers();
    }

    /**
     * How many bytes of arguments lie on the stack above what the row describes ({@code DW_CFA_GNU_args_size}): an exception that is
     * thrown by a call here removes them before it lands.
     */
    public long argumentsSize() {
        return argumentsSize;
    }

    /** The CIE of the entry that is executed. */
    public CommonInformationEntry cie() {
        return cie;
    }

    /** The current row as an immutable object. */
    public UnwindRow row() {
        return state.row(section, cie.returnAddressRegister());
    }

    /** Executes one instruction; returns whether it advanced the location (by nothing, perhaps). */
    private boolean execute() {
        long at = position;
        int opcode = u8();
        int low = opcode & 0x3f;
        switch (opcode & 0xc0) {
            case DW_CFA_advance_loc -> {
                location += low * cie.codeAlignment();
                return true;
            }
            case DW_CFA_offset -> {
                setRule(at, low, OFFSET, uleb128() * cie.dataAlignment());
                return false;
            }
            case DW_CFA_restore -> {
                setWord(at, low, initial.rule(low));
                return false;
            }
            default -> {
                return executeExtended(at, opcode);
            }
        }
    }

    /** The instructions with their operands behind them: here those that most programs are made of. */
    private boolean executeExtended(long at, int opcode) {
        switch (opcode) {
            case DW_CFA_nop -> {}
            case DW_CFA_advance_loc1 -> {
                location += u8() * cie.codeAlignment();
                return true;
            }
            case DW_CFA_advance_loc2 -> {
                location += section.u16(take(2)) * cie.codeAlignment();
                return true;
            }
            case DW_CFA_remember_state -> remember(at);
            case DW_CFA_restore_state -> {
                if (rememberedCount == 0) {
                    throw section.malformed(at, "DW_CFA_restore_state without a remembered state");
                }
                state.copyFrom(remembered.get(--rememberedCount));
            }
            case DW_CFA_def_cfa -> defineCfa(register(), uleb128());
            case DW_CFA_def_cfa_register -> defineCfa(register(), state.cfaOffset);
            case DW_CFA_def_cfa_offset -> state.cfaOffset = uleb128();
            default -> {
                return executeUncommon(at, opcode);
            }
        }
        return false;
    }

    private boolean executeUncommon(long at, int opcode) {
        switch (opcode) {
            case DW_CFA_set_loc -> {
                Cursor in = section.cursor(position);
                location = cie.info.pointers().read(in, cie.addressEncoding, cie.info.sectionVaddr(), rowStart);
                moveTo(in.position());
                return true;
            }
            case DW_CFA_advance_loc4 -> {
                location += section.u32(take(4)) * cie.codeAlignment();
                return true;
            }
            case DW_CFA_MIPS_advance_loc8 -> {
                location += section.i64(take(8)) * cie.codeAlignment();
                return true;
            }
            case DW_CFA_offset_extended -> setRule(at, register(), OFFSET, uleb128() * cie.dataAlignment());
            case DW_CFA_offset_extended_sf -> setRule(at, register(), OFFSET, sleb128() * cie.dataAlignment());
            case DW_CFA_GNU_negative_offset_extended ->
                setRule(at, register(), OFFSET, -(uleb128() * cie.dataAlignment()));
            case DW_CFA_val_offset -> setRule(at, register(), VAL_OFFSET, uleb128() * cie.dataAlignment());
            case DW_CFA_val_offset_sf -> setRule(at, register(), VAL_OFFSET, sleb128() * cie.dataAlignment());
            case DW_CFA_restore_extended -> {
                int register = register();
                setWord(at, register, initial.rule(register));
            }
            case DW_CFA_undefined -> setRule(at, register(), UNDEFINED, 0);
            case DW_CFA_same_value -> setRule(at, register(), SAME_VALUE, 0);
            case DW_CFA_register -> setRule(at, register(), REGISTER, register());
            case DW_CFA_expression -> setRule(at, register(), EXPRESSION, block());
            case DW_CFA_val_expression -> setRule(at, register(), VAL_EXPRESSION, block());
            case DW_CFA_def_cfa_sf -> defineCfa(register(), sleb128() * cie.dataAlignment());
            case DW_CFA_def_cfa_offset_sf -> state.cfaOffset = sleb128() * cie.dataAlignment();
            case DW_CFA_def_cfa_expression -> state.cfaExpression = block();
            case DW_CFA_GNU_args_size -> argumentsSize = uleb128();
            case DW_CFA_GNU_window_save ->
                throw section.malformed(at, "DW_CFA_GNU_window_save, which x86-64 does not have");
            default -> throw section.malformed(at, "call frame instruction 0x%02x is not defined".formatted(opcode));
        }
        return false;
    }

    private void defineCfa(int register, long offset) {
        state.cfaRegister = register;
        state.cfaOffset = offset;
        state.cfaExpression = RowState.NO_EXPRESSION;
    }

    private void setRule(long at, int register, int kind, long operand) {
        long rule = operand << RowState.KIND_BITS | kind;
        if (rule >> RowState.KIND_BITS != operand) {
            throw section.malformed(at, "an offset of more than 60 bits");
        }
        setWord(at, register, rule);
    }

    private void setWord(long at, int register, long rule) {
        if (!state.setRule(register, rule)) {
            throw section.malformed(at, "rules for more than " + RowState.MAX_OTHERS + " uncommon registers");
        }
    }

    private void remember(long at) {
        if (rememberedCount == MAX_REMEMBERED) {
            throw section.malformed(at, "more than " + MAX_REMEMBERED + " remembered states");
        }
        if (rememberedCount == remembered.size()) {
            remembered.add(new RowState());
        }
        remembered.get(rememberedCount++).copyFrom(state);
    }

    private int register() {
        long at = position;
        long number = uleb128();
        if (number < 0 || number > Integer.MAX_VALUE) {
            throw section.malformed(at, "register number " + Long.toUnsignedString(number));
        }
        return (int) number;
    }

    /** Skips an expression and returns where it is (at its length). */
    private long block() {
        long at = position;
        long length = uleb128();
        if (length < 0 || length > programEnd - position) {
            throw section.malformed(at, "an expression that leaves its entry");
        }
        position += length;
        return at;
    }

    private int u8() {
        long at = take(1);
        long index = at - codeStart;
        return index < codeLength ? code[(int) index] & 0xff : section.u8(at);
    }

    private long take(int length) {
        long at = position;
        if (length > programEnd - at) {
            throw section.malformed(at, "a call frame instruction that leaves its entry");
        }
        position = at + length;
        return at;
    }

    private void moveTo(long next) {
        take(Math.toIntExact(next - position));
    }

    private long uleb128() {
        long at = position;
        int next = u8();
        long value = next & 0x7f;
        for (int shift = 7; next >= 0x80; shift += 7) {
            if (shift > 56) {
                Cursor in = section.cursor(at);
                value = in.uleb128();
                position = at;
                moveTo(in.position());
                return value;
            }
            next = u8();
            value |= (next & 0x7fL) << shift;
        }
        return value;
    }

    private long sleb128() {
        int first = u8();
        if (first < 0x80) {
            return (long) first << 57 >> 57;
        }
        Cursor in = section.cursor(position - 1);
        long value = in.sleb128();
        moveTo(in.position());
        return value;
    }
}
