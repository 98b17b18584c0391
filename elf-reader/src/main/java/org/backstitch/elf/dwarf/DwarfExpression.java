package org.backstitch.elf.dwarf;

import static org.backstitch.elf.dwarf.DwarfConstants.*;

import java.util.Arrays;
import java.util.HexFormat;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.backstitch.bytes.MalformedInputException;

/**
 * A DWARF expression as call frame information uses them (DWARF 5 §2.5, with the operations that §6.4.2 leaves out left out).
 *
 * <p>Immutable; equal when the bytes are. Evaluation is a stack machine over 64-bit values; it ends, since no more than
 * {@value #MAX_STEPS} operations are executed.
 */
public final class DwarfExpression {
    /** How many operations one evaluation may execute; branches could otherwise run for ever. */
    public static final int MAX_STEPS = 4096;

    /** How deep the stack may grow. */
    public static final int MAX_DEPTH = 64;

    private final byte[] code;
    private final String source;
    private final long offset;

    /** The register of an expression that is one plus a constant, or the word that lies there; -1 of any other. */
    private final int base;

    private final long displacement;
    private final boolean dereferenced;

    /**
     * @param code the operations
     * @param source names the file in error messages
     * @param offset where the expression lies in the source, in bytes
     */
    public DwarfExpression(byte[] code, String source, long offset) {
        this.code = code.clone();
        this.source = source;
        this.offset = offset;
        int first = code.length == 0 ? 0 : code[0] & 0xff;
        int register = -1;
        long constant = 0;
        boolean loaded = false;
        if (first >= DW_OP_breg0 && first <= DW_OP_breg31) {
            int end = 1;
            while (end < code.length && end < SHORT_LEB128 && code[end] < 0) {
                end++;
            }
            loaded = end == code.length - 2 && (code[end + 1] & 0xff) == DW_OP_deref;
            if (end < SHORT_LEB128 && (loaded || end == code.length - 1)) {
                register = first - DW_OP_breg0;
                constant = Bytes.of(this.code, source, offset).cursor(1).sleb128();
            }
        }
        base = register;
        displacement = constant;
        dereferenced = loaded;
    }

    /** So many bytes at most a constant has that is looked for. */
    private static final int SHORT_LEB128 = 8;

    /**
     * Whether the expression is no more than a register plus a constant, or the word that lies there: what those of compilers and
     * signal frames are. Then {@link #base}, {@link #displacement} and {@link #isDereferenced} say all.
     */
    public boolean isDisplacement() {
        return base >= 0;
    }

    /** The register of an expression that {@link #isDisplacement}, by its DWARF number. */
    public int base() {
        return base;
    }

    /** What is added to the register. */
    public long displacement() {
        return displacement;
    }

    /** Whether the value is the word at that address, instead of the address. */
    public boolean isDereferenced() {
        return dereferenced;
    }

    /** What an expression can ask about the machine that it is evaluated on. */
    public interface Machine {
        /** Whether the register's value is known in this frame. */
        boolean isKnown(int register);

        /** The value of a register, by its DWARF number; asked only when it is known. */
        long register(int register);

        /** Whether eight bytes (or the {@code length} wanted) at an address can be read. */
        boolean isReadable(long address, int length);

        /** The eight bytes at an address; asked only when they can be read. */
        long readLong(long address);

        /**
         * The {@code length} bytes at an address, 1 to 8, zero-extended; asked only when they can be read. The default reads eight
         * bytes that hold them.
         */
        default long read(long address, int length) {
            if (length == 8) {
                return readLong(address);
            }
            // Eight bytes from the address on may cross the end of what is readable where the wanted ones do not.
            int back = isReadable(address, 8) ? 0 : 8 - length;
            return readLong(address - back) >>> (8 * back) & ((1L << (8 * length)) - 1);
        }
    }

    /** How an evaluation ended. */
    public enum Outcome {
        /** {@link Result#value} holds the value. */
        VALUE,
        /** A register was wanted whose value is not known: {@link Result#value} holds its number. */
        UNKNOWN_REGISTER,
        /** Memory was wanted that cannot be read: {@link Result#value} holds the address. */
        UNREADABLE
    }

    /**
     * What an evaluation yielded.
     *
     * @param outcome how it ended
     * @param value the value, the register or the address, by the outcome
     */
    public record Result(Outcome outcome, long value) {}

    /**
     * Evaluates the expression with an empty stack, as a CFA rule has it.
     *
     * @throws MalformedInputException if it is not a valid expression
     */
    public Result evaluate(Machine machine) {
        return run(machine, new long[MAX_DEPTH], 0);
    }

    /**
     * Evaluates the expression with the CFA on the stack, as register rules have it.
     *
     * @throws MalformedInputException if it is not a valid expression
     */
    public Result evaluate(Machine machine, long cfa) {
        long[] stack = new long[MAX_DEPTH];
        stack[0] = cfa;
        return run(machine, stack, 1);
    }

    private Result run(Machine machine, long[] stack, int initialDepth) {
        Cursor in = code().cursor(0);
        int depth = initialDepth;
        for (int steps = 0; in.hasRemaining(); steps++) {
            long at = in.position();
            if (steps == MAX_STEPS) {
                throw malformed(at, "an expression that does not end within " + MAX_STEPS + " operations");
            }
            int op = in.u8();
            int needed = operands(op, at);
            if (depth < needed) {
                throw malformed(at, "operation 0x%x wants %d values, the stack has %d".formatted(op, needed, depth));
            }
            if (depth == MAX_DEPTH) {
                throw malformed(at, "an expression whose stack grows over " + MAX_DEPTH + " values");
            }
            switch (op) {
                case DW_OP_nop -> {}
                case DW_OP_addr, DW_OP_const8u, DW_OP_const8s -> stack[depth++] = in.i64();
                case DW_OP_const1u -> stack[depth++] = in.u8();
                case DW_OP_const1s -> stack[depth++] = (byte) in.u8();
                case DW_OP_const2u -> stack[depth++] = in.u16();
                case DW_OP_const2s -> stack[depth++] = (short) in.u16();
                case DW_OP_const4u -> stack[depth++] = in.u32();
                case DW_OP_const4s -> stack[depth++] = in.i32();
                case DW_OP_constu -> stack[depth++] = in.uleb128();
                case DW_OP_consts -> stack[depth++] = in.sleb128();
                case DW_OP_dup -> {
                    stack[depth] = stack[depth - 1];
                    depth++;
                }
                case DW_OP_drop -> depth--;
                case DW_OP_over -> {
                    stack[depth] = stack[depth - 2];
                    depth++;
                }
                case DW_OP_pick -> {
                    int index = in.u8();
                    if (index >= depth) {
                        throw malformed(at, "DW_OP_pick of value " + index + " of " + depth);
                    }
                    stack[depth] = stack[depth - 1 - index];
                    depth++;
                }
                case DW_OP_swap -> {
                    long top = stack[depth - 1];
                    stack[depth - 1] = stack[depth - 2];
                    stack[depth - 2] = top;
                }
                case DW_OP_rot -> {
                    long top = stack[depth - 1];
                    stack[depth - 1] = stack[depth - 2];
                    stack[depth - 2] = stack[depth - 3];
                    stack[depth - 3] = top;
                }
                case DW_OP_abs -> stack[depth - 1] = Math.abs(stack[depth - 1]);
                case DW_OP_neg -> stack[depth - 1] = -stack[depth - 1];
                case DW_OP_not -> stack[depth - 1] = ~stack[depth - 1];
                case DW_OP_plus_uconst -> stack[depth - 1] += in.uleb128();
                case DW_OP_deref, DW_OP_deref_size -> {
                    int length = op == DW_OP_deref ? 8 : in.u8();
                    if (length < 1 || length > 8) {
                        throw malformed(at, "DW_OP_deref_size of " + length + " bytes");
                    }
                    long address = stack[depth - 1];
                    if (!machine.isReadable(address, length)) {
                        return new Result(Outcome.UNREADABLE, address);
                    }
                    stack[depth - 1] = machine.read(address, length);
                }
                case DW_OP_skip, DW_OP_bra -> {
                    int distance = (short) in.u16();
                    if (op == DW_OP_skip || stack[--depth] != 0) {
                        in.position(in.position() + distance);
                    }
                }
                case DW_OP_bregx -> {
                    int register = Math.clamp(in.uleb128(), -1, Integer.MAX_VALUE);
                    long add = in.sleb128();
                    if (!machine.isKnown(register)) {
                        return new Result(Outcome.UNKNOWN_REGISTER, register);
                    }
                    stack[depth++] = machine.register(register) + add;
                }
                default -> {
                    if (op >= DW_OP_lit0 && op <= DW_OP_lit31) {
                        stack[depth++] = (long) op - DW_OP_lit0;
                    } else if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
                        int register = op - DW_OP_breg0;
                        long add = in.sleb128();
                        if (!machine.isKnown(register)) {
                            return new Result(Outcome.UNKNOWN_REGISTER, register);
                        }
                        stack[depth++] = machine.register(register) + add;
                    } else {
                        depth--;
                        stack[depth - 1] = binary(op, stack[depth - 1], stack[depth], at);
                    }
                }
            }
        }
        if (depth == 0) {
            throw malformed(code.length, "an expression that leaves no value");
        }
        return new Result(Outcome.VALUE, stack[depth - 1]);
    }

    private long binary(int op, long left, long right, long at) {
        return switch (op) {
            case DW_OP_and -> left & right;
            case DW_OP_or -> left | right;
            case DW_OP_xor -> left ^ right;
            case DW_OP_plus -> left + right;
            case DW_OP_minus -> left - right;
            case DW_OP_mul -> left * right;
            case DW_OP_div -> left / divisor(right, at);
            case DW_OP_mod -> Long.remainderUnsigned(left, divisor(right, at));
            case DW_OP_shl -> Long.compareUnsigned(right, 63) > 0 ? 0 : left << right;
            case DW_OP_shr -> Long.compareUnsigned(right, 63) > 0 ? 0 : left >>> right;
            case DW_OP_shra -> left >> (Long.compareUnsigned(right, 63) > 0 ? 63 : right);
            case DW_OP_eq -> left == right ? 1 : 0;
            case DW_OP_ne -> left != right ? 1 : 0;
            case DW_OP_lt -> left < right ? 1 : 0;
            case DW_OP_le -> left <= right ? 1 : 0;
            case DW_OP_gt -> left > right ? 1 : 0;
            case DW_OP_ge -> left >= right ? 1 : 0;
            default -> throw new AssertionError(op);
        };
    }

    private long divisor(long value, long at) {
        if (value == 0) {
            throw malformed(at, "an expression that divides by zero");
        }
        return value;
    }

    /** How many values the operation takes from the stack. */
    private int operands(int op, long at) {
        return switch (op) {
            case DW_OP_nop, DW_OP_addr, DW_OP_skip, DW_OP_bregx, DW_OP_pick -> 0;
            case DW_OP_dup, DW_OP_drop, DW_OP_abs, DW_OP_neg, DW_OP_not, DW_OP_plus_uconst, DW_OP_bra -> 1;
            case DW_OP_deref, DW_OP_deref_size -> 1;
            case DW_OP_over, DW_OP_swap -> 2;
            case DW_OP_and, DW_OP_div, DW_OP_minus, DW_OP_mod, DW_OP_mul, DW_OP_or, DW_OP_plus, DW_OP_xor -> 2;
            case DW_OP_shl, DW_OP_shr, DW_OP_shra, DW_OP_eq, DW_OP_ge, DW_OP_gt, DW_OP_le, DW_OP_lt, DW_OP_ne -> 2;
            case DW_OP_rot -> 3;
            default -> {
                boolean pushes = op >= DW_OP_const1u && op <= DW_OP_consts
                        || op >= DW_OP_lit0 && op <= DW_OP_lit31
                        || op >= DW_OP_breg0 && op <= DW_OP_breg31;
                if (!pushes) {
                    throw malformed(at, "operation 0x%x, which call frame information may not use".formatted(op));
                }
                yield 0;
            }
        };
    }

    private MalformedInputException malformed(long at, String reason) {
        return new MalformedInputException(source, offset + at, reason);
    }

    /** The operations, for tools that recognise what an expression says. */
    public Bytes code() {
        return Bytes.of(code, source, offset);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DwarfExpression that && Arrays.equals(code, that.code);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(code);
    }

    @Override
    public String toString() {
        return "DwarfExpression" + HexFormat.ofDelimiter(" ").formatHex(code);
    }
}
