package org.backstitch.code.verify;

import org.backstitch.code.stack.StackState;
import org.backstitch.code.stack.StateBuilder;
import org.backstitch.code.stack.Value;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.DwarfRegisters;
import org.backstitch.unwind.machine.X86_64;

/**
 * Holds one row of call frame information against one state of the machine.
 *
 * <p>The row's CFA rule has to give the CFA. A rule for a register has to lead to what that register held at the function's entry; a
 * callee-saved register without a rule is claimed to hold it still (System V ABI x86-64 psABI §3.7: no rule means same value). The caller's
 * RSP is the CFA. Of other registers without a rule nothing is claimed.
 *
 * <p>Two kinds of rows cannot be held against a function's own frame, and are undecided: those with a rule for RSP, which describe a
 * context that was saved or made somewhere (signal frames, {@code longjmp}, {@code setcontext}), and those that count from RSP after it was
 * loaded with another stack's.
 */
final class RowCheck {
    /** The CFA is the subject. */
    private static final int CFA = -1;

    private final SymbolicExpression expressions = new SymbolicExpression();

    /** The register whose rule decided the last check; -1 for the CFA. */
    private int subject;

    /** What the rule of {@link #subject} leads to. */
    private long found;

    /** What the last check was decided by: {@code CFA}, or a register's name. */
    String subjectName() {
        return subject == CFA ? "CFA" : DwarfRegisters.name(subject);
    }

    /** Where a row says that the subject is. */
    String claim(CfiRows rows, int row) {
        return subject == CFA ? rows.describeCfa(row) : rows.describeRule(row, subject);
    }

    /** What is there. */
    String describeFound() {
        return Value.describe(found);
    }

    /** Checks a row against the state in front of the instruction at {@code address}. */
    Verdict check(CfiRows rows, int row, StackState state, long address) {
        subject = CFA;
        found = Value.cfa(0);
        if (rows.isOutermost(row)) {
            return Verdict.PROVED;
        }
        if (rows.kind(row, X86_64.RSP) != CallFrameInterpreter.UNSPECIFIED || rows.isSignalFrame()) {
            subject = X86_64.RSP;
            found = Value.UNKNOWN;
            return Verdict.UNDECIDED;
        }
        found = cfa(rows, row, state, address);
        if (found != Value.cfa(0)) {
            boolean otherStack = rows.cfaRegister(row) == X86_64.RSP && !Value.isFrame(found);
            return found == Value.UNKNOWN || otherStack ? Verdict.UNDECIDED : Verdict.CONTRADICTED;
        }
        Verdict verdict = Verdict.PROVED;
        for (int register = 0; register < X86_64.COUNT; register++) {
            int kind = rows.kind(row, register);
            if (kind <= CallFrameInterpreter.SAME_VALUE && !Value.isCalleeSaved(register)
                    || kind == CallFrameInterpreter.UNDEFINED) {
                continue;
            }
            long value = rule(rows, row, register, kind, state, address);
            if (value != wanted(register)) {
                // Where other registers were put is followed with less care.
                boolean followed = Value.isCalleeSaved(register) || value != Value.OTHER;
                if (value != Value.UNKNOWN && followed) {
                    subject = register;
                    found = value;
                    return Verdict.CONTRADICTED;
                }
                if (verdict == Verdict.PROVED) {
                    subject = register;
                    found = Value.UNKNOWN;
                    verdict = Verdict.UNDECIDED;
                }
            }
        }
        return verdict;
    }

    private static long wanted(int register) {
        return register == X86_64.RSP ? Value.cfa(0) : Value.initial(register);
    }

    private long cfa(CfiRows rows, int row, StackState state, long address) {
        int register = rows.cfaRegister(row);
        if (register == CfiRows.EXPRESSION) {
            return expressions.evaluate(rows.cfaExpression(row), state, address, 0, false);
        }
        if (register > X86_64.R15) {
            return Value.UNKNOWN;
        }
        return plus(state.register(register), rows.cfaOffset(row));
    }

    private static long plus(long value, long offset) {
        if (value == Value.UNKNOWN || value == Value.OTHER) {
            return value;
        }
        long sum = Value.offset(value) + offset;
        return (int) sum == sum ? Value.of(Value.kind(value), (int) sum) : Value.OTHER;
    }

    private long rule(CfiRows rows, int row, int register, int kind, StackState state, long address) {
        long operand = rows.operand(row, register);
        return switch (kind) {
            case CallFrameInterpreter.OFFSET -> state.memory(plus(Value.cfa(0), operand));
            case CallFrameInterpreter.VAL_OFFSET -> plus(Value.cfa(0), operand);
            case CallFrameInterpreter.REGISTER ->
                operand >= 0 && operand <= X86_64.R15 ? state.register((int) operand) : Value.UNKNOWN;
            case CallFrameInterpreter.EXPRESSION ->
                state.memory(expressions.evaluate(rows.expression(row, register), state, address, Value.cfa(0), true));
            case CallFrameInterpreter.VAL_EXPRESSION ->
                expressions.evaluate(rows.expression(row, register), state, address, Value.cfa(0), true);
            default -> register <= X86_64.R15 ? state.register(register) : Value.UNKNOWN;
        };
    }

    /**
     * The state that a row says holds, for code that nothing is seen to lead to.
     *
     * @return false if the row does not say enough
     */
    static boolean assume(CfiRows rows, int row, StateBuilder state) {
        int base = rows.cfaRegister(row);
        if (base > X86_64.R15 || rows.isOutermost(row)) {
            return false;
        }
        if (base == CfiRows.EXPRESSION) {
            base = assumeSaved(rows, row, state);
            if (base < 0) {
                return false;
            }
        } else {
            long offset = rows.cfaOffset(row);
            if ((int) offset != offset) {
                return false;
            }
            state.begin();
            state.register(base, Value.cfa((int) -offset));
        }
        for (int register = 0; register < X86_64.COUNT; register++) {
            if (rows.kind(row, register) == CallFrameInterpreter.OFFSET) {
                long at = rows.operand(row, register);
                if ((int) at != at) {
                    return false;
                }
                state.slot(Value.cfa((int) at), wanted(register));
                if (register != base && Value.isCalleeSaved(register)) {
                    state.register(register, Value.OTHER);
                }
            }
        }
        return true;
    }

    /**
     * The CFA is what an expression finds in the frame: the register that the expression begins with is at an unknown distance from the CFA.
     *
     * @return that register, or -1 if the expression is another one
     */
    private static int assumeSaved(CfiRows rows, int row, StateBuilder state) {
        SymbolicExpression.Slot cfa = SymbolicExpression.slot(rows.cfaExpression(row));
        if (cfa == null || !cfa.dereferenced()) {
            return -1;
        }
        state.begin();
        state.register(cfa.register(), Value.of(Value.ALIGNED, 0));
        state.slot(Value.of(Value.ALIGNED, cfa.offset()), Value.cfa(-cfa.addend()));
        for (int register = 0; register < X86_64.COUNT; register++) {
            if (rows.kind(row, register) == CallFrameInterpreter.EXPRESSION) {
                SymbolicExpression.Slot slot = SymbolicExpression.slot(rows.expression(row, register));
                if (slot != null && !slot.dereferenced() && slot.register() == cfa.register()) {
                    state.slot(Value.of(Value.ALIGNED, slot.offset()), wanted(register));
                }
            }
        }
        return cfa.register();
    }
}
