package org.backstitch.code.verify;

import org.backstitch.bytes.Cursor;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.Value;
import org.backstitch.elf.dwarf.DwarfExpression;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * Evaluates DWARF expressions on abstract values (DWARF 5 §2.5): registers, frame slots, constants and their sums. Whatever else a value
 * is made of makes it unknown.
 */
final class SymbolicExpression {
    private static final int MAX_DEPTH = 16;

    private final long[] stack = new long[MAX_DEPTH];
    private int depth;

    /**
     * What an expression of the usual form says: a register plus {@code offset}; if {@code dereferenced} the eight bytes there plus
     * {@code addend}.
     */
    record Slot(int register, int offset, boolean dereferenced, int addend) {}

    /** The expression as a slot; null if it has another form. */
    static @Nullable Slot slot(DwarfExpression expression) {
        try {
            Cursor in = expression.code().cursor(0);
            int register = in.u8() - 0x70;
            long offset = in.sleb128();
            boolean dereferenced = in.hasRemaining();
            boolean usual = register >= 0 && register <= X86_64.R15 && (!dereferenced || in.u8() == 0x06);
            long addend = 0;
            if (usual && in.hasRemaining()) {
                usual = in.u8() == 0x23;
                addend = usual ? in.uleb128() : 0;
            }
            boolean fits = usual && !in.hasRemaining() && (int) offset == offset && (int) addend == addend;
            return fits ? new Slot(register, (int) offset, dereferenced, (int) addend) : null;
        } catch (MalformedInputException e) {
            return null;
        }
    }

    /**
     * The value of an expression.
     *
     * @param address the instruction's, which is what RIP stands for
     * @param initial on the stack at the start, or null for an empty one
     */
    long evaluate(DwarfExpression expression, StackState state, long address, long initial, boolean hasInitial) {
        depth = 0;
        if (hasInitial) {
            stack[depth++] = initial;
        }
        try {
            Cursor in = expression.code().cursor(0);
            while (in.hasRemaining()) {
                if (depth > MAX_DEPTH - 2 || !execute(in, state, address)) {
                    return Value.UNKNOWN;
                }
            }
        } catch (MalformedInputException e) {
            return Value.UNKNOWN;
        }
        return depth == 0 ? Value.UNKNOWN : stack[depth - 1];
    }

    private boolean execute(Cursor in, StackState state, long address) {
        int op = in.u8();
        if (op >= 0x30 && op <= 0x4f) { // DW_OP_lit0…31
            return push(op - 0x30L);
        }
        if (op >= 0x70 && op <= 0x8f) { // DW_OP_breg0…31
            return register(op - 0x70, in.sleb128(), state, address);
        }
        switch (op) {
            case 0x06 -> { // DW_OP_deref
                if (depth == 0) {
                    return false;
                }
                stack[depth - 1] = state.memory(stack[depth - 1]);
                return true;
            }
            case 0x08 -> { // DW_OP_const1u
                return push(in.u8());
            }
            case 0x09 -> { // DW_OP_const1s
                return push((byte) in.u8());
            }
            case 0x0a -> { // DW_OP_const2u
                return push(in.u16());
            }
            case 0x0b -> { // DW_OP_const2s
                return push((short) in.u16());
            }
            case 0x0c -> { // DW_OP_const4u
                return push(in.u32());
            }
            case 0x0d -> { // DW_OP_const4s
                return push(in.i32());
            }
            case 0x10 -> { // DW_OP_constu
                return push(in.uleb128());
            }
            case 0x11 -> { // DW_OP_consts
                return push(in.sleb128());
            }
            case 0x23 -> { // DW_OP_plus_uconst
                return depth > 0 && add(in.uleb128());
            }
            case 0x92 -> { // DW_OP_bregx
                return register((int) in.uleb128(), in.sleb128(), state, address);
            }
            default -> {
                return depth >= 2 && binary(op);
            }
        }
    }

    private boolean push(long constant) {
        if ((int) constant != constant) {
            return false;
        }
        stack[depth++] = Value.of(Value.CONSTANT, (int) constant);
        return true;
    }

    private boolean add(long addend) {
        long value = stack[depth - 1];
        long sum = Value.offset(value) + addend;
        boolean known = value != Value.UNKNOWN && value != Value.OTHER && (int) sum == sum;
        stack[depth - 1] = known ? Value.of(Value.kind(value), (int) sum) : Value.UNKNOWN;
        return true;
    }

    private boolean register(int register, long offset, StackState state, long address) {
        if (register == X86_64.RIP) {
            // Expressions look at the last bits of RIP only, to tell the instructions of a linkage table's stub apart.
            return push((address & 0xffff) + offset);
        }
        if (register < 0 || register > X86_64.R15) {
            return false;
        }
        stack[depth++] = state.register(register);
        return add(offset);
    }

    private boolean binary(int op) {
        depth--;
        long left = stack[depth - 1];
        long right = stack[depth];
        boolean constants = Value.kind(left) == Value.CONSTANT && Value.kind(right) == Value.CONSTANT;
        long l = Value.offset(left);
        long r = Value.offset(right);
        switch (op) {
            case 0x22 -> { // DW_OP_plus
                if (Value.kind(right) == Value.CONSTANT) {
                    return add(r);
                }
                stack[depth - 1] = right;
                return Value.kind(left) == Value.CONSTANT && add(l);
            }
            case 0x1c -> { // DW_OP_minus
                return Value.kind(right) == Value.CONSTANT && add(-r);
            }
            default -> {
                if (!constants) {
                    return false;
                }
            }
        }
        depth--;
        return switch (op) {
            case 0x1a -> push(l & r); // DW_OP_and
            case 0x1e -> push(l * r); // DW_OP_mul
            case 0x21 -> push(l | r); // DW_OP_or
            case 0x24 -> r >= 0 && r < 32 && push(l << r); // DW_OP_shl
            case 0x29 -> push(l == r ? 1 : 0); // DW_OP_eq
            case 0x2a -> push(l >= r ? 1 : 0); // DW_OP_ge
            case 0x2b -> push(l > r ? 1 : 0); // DW_OP_gt
            case 0x2c -> push(l <= r ? 1 : 0); // DW_OP_le
            case 0x2d -> push(l < r ? 1 : 0); // DW_OP_lt
            case 0x2e -> push(l != r ? 1 : 0); // DW_OP_ne
            default -> false;
        };
    }
}
