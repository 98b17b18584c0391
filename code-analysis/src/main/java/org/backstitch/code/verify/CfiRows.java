package org.backstitch.code.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.DwarfExpression;
import org.backstitch.elf.dwarf.DwarfRegisters;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.unwind.machine.X86_64;

/** The rows of one frame description entry, in arrays that the next one reuses. */
final class CfiRows {
    /** In place of a CFA register: the CFA is an expression, whose index stands for the offset. */
    static final int EXPRESSION = -1;

    private static final int COLUMNS = X86_64.COUNT;

    private final CallFrameInterpreter interpreter = new CallFrameInterpreter();
    private final List<DwarfExpression> expressions = new ArrayList<>();
    private long[] starts = new long[16];
    private int[] cfaRegisters = new int[16];
    private long[] cfaOffsets = new long[16];
    private long[] argumentsSizes = new long[16];
    private int[] kinds = new int[16 * COLUMNS];
    private long[] operands = new long[16 * COLUMNS];
    private int count;
    private int returnAddress;
    private boolean signalFrame;

    /**
     * Reads an entry.
     *
     * @return false if it is malformed; the rows before the fault are there
     */
    boolean read(FrameDescriptionEntry fde) {
        count = 0;
        expressions.clear();
        returnAddress = fde.cie().returnAddressRegister();
        signalFrame = fde.cie().isSignalFrame();
        try {
            interpreter.start(fde);
            while (interpreter.nextRow()) {
                add();
            }
            return true;
        } catch (MalformedInputException e) {
            return false;
        }
    }

    private void add() {
        if (count > 0 && starts[count - 1] == interpreter.rowStart()) {
            count--; // an empty row
        }
        if (count == starts.length) {
            int larger = 2 * count;
            starts = Arrays.copyOf(starts, larger);
            cfaRegisters = Arrays.copyOf(cfaRegisters, larger);
            cfaOffsets = Arrays.copyOf(cfaOffsets, larger);
            argumentsSizes = Arrays.copyOf(argumentsSizes, larger);
            kinds = Arrays.copyOf(kinds, larger * COLUMNS);
            operands = Arrays.copyOf(operands, larger * COLUMNS);
        }
        starts[count] = interpreter.rowStart();
        argumentsSizes[count] = interpreter.argumentsSize();
        if (interpreter.hasCfaExpression()) {
            cfaRegisters[count] = EXPRESSION;
            cfaOffsets[count] = keep(interpreter.cfaExpression());
        } else {
            cfaRegisters[count] = interpreter.cfaRegister();
            cfaOffsets[count] = interpreter.cfaOffset();
        }
        for (int register = 0; register < COLUMNS; register++) {
            int kind = interpreter.ruleKind(register);
            int at = count * COLUMNS + register;
            kinds[at] = kind;
            operands[at] = kind == CallFrameInterpreter.EXPRESSION || kind == CallFrameInterpreter.VAL_EXPRESSION
                    ? keep(interpreter.ruleExpression(register))
                    : interpreter.ruleOperand(register);
        }
        count++;
    }

    private int keep(DwarfExpression expression) {
        expressions.add(expression);
        return expressions.size() - 1;
    }

    int size() {
        return count;
    }

    /** The column of the return address: 16 in every table of x86-64 that means it. */
    int returnAddress() {
        return returnAddress;
    }

    boolean isSignalFrame() {
        return signalFrame;
    }

    /** The first address of a row. */
    long start(int row) {
        return starts[row];
    }

    /** The row that holds at an address, looked for from {@code hint} on; -1 if all start above it. */
    int find(long address, int hint) {
        int row = hint >= 0 && hint < count && Long.compareUnsigned(starts[hint], address) <= 0 ? hint : -1;
        while (row + 1 < count && Long.compareUnsigned(starts[row + 1], address) <= 0) {
            row++;
        }
        return row;
    }

    int cfaRegister(int row) {
        return cfaRegisters[row];
    }

    long cfaOffset(int row) {
        return cfaOffsets[row];
    }

    DwarfExpression cfaExpression(int row) {
        return expressions.get((int) cfaOffsets[row]);
    }

    /** How many bytes of arguments an exception removes from the stack before it lands. */
    long argumentsSize(int row) {
        return argumentsSizes[row];
    }

    int kind(int row, int register) {
        return kinds[row * COLUMNS + register];
    }

    long operand(int row, int register) {
        return operands[row * COLUMNS + register];
    }

    DwarfExpression expression(int row, int register) {
        return expressions.get((int) operand(row, register));
    }

    /** Whether a row says that nobody called: the return address is undefined. */
    boolean isOutermost(int row) {
        return returnAddress < COLUMNS && kind(row, returnAddress) == CallFrameInterpreter.UNDEFINED;
    }

    /** Whether a row is what holds at the entry of every function: CFA is RSP + 8, with the return address below it and nothing else saved. */
    boolean isEntry(int row) {
        if (cfaRegisters[row] != X86_64.RSP || cfaOffsets[row] != 8 || signalFrame) {
            return false;
        }
        for (int register = 0; register < COLUMNS; register++) {
            int kind = kind(row, register);
            boolean plain = register == returnAddress
                    ? kind == CallFrameInterpreter.OFFSET && operand(row, register) == -8
                            || kind == CallFrameInterpreter.UNDEFINED
                    : kind == CallFrameInterpreter.UNSPECIFIED || kind == CallFrameInterpreter.SAME_VALUE;
            if (!plain) {
                return false;
            }
        }
        return true;
    }

    /** A row in the words of {@code readelf -wF}: {@code rsp+16 rbx=c-16 ra=c-8}. */
    String describe(int row) {
        StringBuilder text = new StringBuilder(describeCfa(row));
        for (int register = 0; register < COLUMNS; register++) {
            if (kind(row, register) != CallFrameInterpreter.UNSPECIFIED) {
                text.append(' ')
                        .append(DwarfRegisters.name(register))
                        .append('=')
                        .append(describeRule(row, register));
            }
        }
        return text.toString();
    }

    /** The CFA's rule in the same words. */
    String describeCfa(int row) {
        return cfaRegisters[row] == EXPRESSION
                ? "exp"
                : DwarfRegisters.name(cfaRegisters[row]) + signed(cfaOffsets[row]);
    }

    /** A register's rule in the same words; {@code s} also where there is none. */
    String describeRule(int row, int register) {
        long operand = operand(row, register);
        return switch (kind(row, register)) {
            case CallFrameInterpreter.UNDEFINED -> "u";
            case CallFrameInterpreter.OFFSET -> "c" + signed(operand);
            case CallFrameInterpreter.VAL_OFFSET -> "v" + signed(operand);
            case CallFrameInterpreter.REGISTER -> DwarfRegisters.name((int) operand);
            case CallFrameInterpreter.EXPRESSION -> "exp";
            case CallFrameInterpreter.VAL_EXPRESSION -> "vexp";
            default -> "s";
        };
    }

    private static String signed(long offset) {
        return (offset < 0 ? "" : "+") + offset;
    }
}
