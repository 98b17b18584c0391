package org.backstitch.unwind.reference;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * Evaluates expressions as DWARF 5 §2.5.1 describes them: on a stack of integers of any size, each brought back into the generic type
 * (an address: 64 bits) after every operation.
 */
final class NaiveExpression {
    private static final BigInteger MODULUS = BigInteger.ONE.shiftLeft(64);
    private static final int STEPS = 4096;
    private static final int DEPTH = 64;

    private NaiveExpression() {}

    /** What an evaluation came to. */
    sealed interface Result {
        record Value(long value) implements Result {}

        record UnknownRegister(int register) implements Result {}

        record Unreadable(long address) implements Result {}

        /** It is no valid expression. */
        record Invalid() implements Result {}
    }

    /** @param initial what is on the stack at the start, the top last */
    static Result evaluate(List<Operation> expression, NaiveMachine machine, List<Long> initial) {
        List<BigInteger> stack = new ArrayList<>();
        initial.forEach(value -> stack.add(unsigned(value)));
        int next = 0;
        for (int step = 0; next < expression.size(); step++) {
            if (step == STEPS || stack.size() >= DEPTH) {
                return new Result.Invalid();
            }
            Operation operation = expression.get(next++);
            if (stack.size() < needs(operation)) {
                return new Result.Invalid();
            }
            switch (operation) {
                case Operation.Constant(long value, int _) -> stack.add(unsigned(value));
                case Operation.RegisterPlus(int register, long offset, boolean _) -> {
                    OptionalLong value = machine.register(register);
                    if (value.isEmpty()) {
                        return new Result.UnknownRegister(register);
                    }
                    stack.add(wrap(unsigned(value.getAsLong()).add(BigInteger.valueOf(offset))));
                }
                case Operation.Dereference(int size) -> {
                    long address = stack.removeLast().longValue();
                    if (size < 1 || size > 8) {
                        return new Result.Invalid();
                    }
                    OptionalLong value = machine.memory(address, size);
                    if (value.isEmpty()) {
                        return new Result.Unreadable(address);
                    }
                    stack.add(unsigned(value.getAsLong()));
                }
                case Operation.Pick(int index) -> {
                    if (index >= stack.size()) {
                        return new Result.Invalid();
                    }
                    stack.add(stack.get(stack.size() - 1 - index));
                }
                case Operation.PlusConstant(long value) ->
                    stack.add(wrap(stack.removeLast().add(unsigned(value))));
                case Operation.Branch(int distance, boolean conditional) -> {
                    if (!conditional || stack.removeLast().signum() != 0) {
                        next = Math.clamp((long) next + distance, 0, expression.size());
                    }
                }
                case Operation.Simple(Operation.Name name) -> {
                    if (!simple(name, stack)) {
                        return new Result.Invalid();
                    }
                }
            }
        }
        return stack.isEmpty()
                ? new Result.Invalid()
                : new Result.Value(stack.getLast().longValue());
    }

    private static BigInteger unsigned(long value) {
        return wrap(BigInteger.valueOf(value));
    }

    private static BigInteger wrap(BigInteger value) {
        return value.mod(MODULUS);
    }

    private static BigInteger signed(BigInteger value) {
        return value.testBit(63) ? value.subtract(MODULUS) : value;
    }

    private static int needs(Operation operation) {
        return switch (operation) {
            case Operation.Constant _, Operation.RegisterPlus _, Operation.Pick _ -> 0;
            case Operation.Dereference _, Operation.PlusConstant _ -> 1;
            case Operation.Branch(int _, boolean conditional) -> conditional ? 1 : 0;
            case Operation.Simple(Operation.Name name) ->
                switch (name) {
                    case NOP -> 0;
                    case DUP, DROP, ABS, NEG, NOT -> 1;
                    case ROT -> 3;
                    default -> 2;
                };
        };
    }

    /** §2.5.1.3 (stack) and §2.5.1.4, §2.5.1.5 (arithmetic, comparison); false for a division by zero. */
    private static boolean simple(Operation.Name name, List<BigInteger> stack) {
        switch (name) {
            case NOP -> {}
            case DUP -> stack.add(stack.getLast());
            case DROP -> stack.removeLast();
            case OVER -> stack.add(stack.get(stack.size() - 2));
            case SWAP -> stack.add(stack.size() - 2, stack.removeLast());
            // "The entry at the top of the stack becomes the third stack entry, the second becomes the top, the third
            // the second."
            case ROT -> stack.add(stack.size() - 3, stack.removeLast());
            case ABS -> stack.add(wrap(signed(stack.removeLast()).abs()));
            case NEG -> stack.add(wrap(stack.removeLast().negate()));
            case NOT -> stack.add(wrap(stack.removeLast().not()));
            default -> {
                BigInteger top = stack.removeLast();
                BigInteger second = stack.removeLast();
                if (top.signum() == 0 && (name == Operation.Name.DIV || name == Operation.Name.MOD)) {
                    return false;
                }
                stack.add(wrap(binary(name, second, top)));
            }
        }
        return true;
    }

    private static BigInteger binary(Operation.Name name, BigInteger second, BigInteger top) {
        return switch (name) {
            case AND -> second.and(top);
            case OR -> second.or(top);
            case XOR -> second.xor(top);
            case PLUS -> second.add(top);
            case MINUS -> second.subtract(top);
            case MUL -> second.multiply(top);
            // "using signed division"
            case DIV -> signed(second).divide(signed(top));
            // "modulo": libgcc, libdw, gdb and binutils take it as unsigned
            case MOD -> second.mod(top);
            case SHL -> top.bitLength() > 31 ? BigInteger.ZERO : second.shiftLeft(Math.min(top.intValue(), 64));
            case SHR -> top.bitLength() > 31 ? BigInteger.ZERO : second.shiftRight(Math.min(top.intValue(), 64));
            case SHRA -> signed(second).shiftRight(top.bitLength() > 31 ? 64 : Math.min(top.intValue(), 64));
            // "perform a comparison operation on signed values"
            case EQ -> truth(second.equals(top));
            case NE -> truth(!second.equals(top));
            case LT -> truth(signed(second).compareTo(signed(top)) < 0);
            case LE -> truth(signed(second).compareTo(signed(top)) <= 0);
            case GT -> truth(signed(second).compareTo(signed(top)) > 0);
            case GE -> truth(signed(second).compareTo(signed(top)) >= 0);
            default -> throw new AssertionError(name);
        };
    }

    private static BigInteger truth(boolean value) {
        return value ? BigInteger.ONE : BigInteger.ZERO;
    }
}
