package org.backstitch.unwind.reference;

import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The table of DWARF 5 §6.4.1, asked for one address at a time: each question executes the programs from their beginning (§6.4.3).
 *
 * @param codeStart what the entry is for: the first address
 * @param length and how many bytes
 */
record NaiveTable(
        List<CfaInstruction> initialInstructions,
        List<CfaInstruction> instructions,
        long dataAlignment,
        long codeStart,
        long length) {
    /** How the CFA is found. */
    sealed interface Cfa {
        record RegisterOffset(int register, long offset) implements Cfa {}

        record Expression(List<Operation> expression) implements Cfa {}
    }

    /** How a register is recovered. */
    sealed interface Rule {
        record Undefined() implements Rule {}

        record SameValue() implements Rule {}

        record Offset(long offset) implements Rule {}

        record ValOffset(long offset) implements Rule {}

        record Register(int number) implements Rule {}

        record Expression(List<Operation> expression) implements Rule {}

        record ValExpression(List<Operation> expression) implements Rule {}
    }

    /** One row; registers without a rule are not in the map. */
    record Row(Cfa cfa, Map<Integer, Rule> rules) {}

    /** What the programs leave while they run. */
    private static final class State {
        private int register;
        private long offset;
        private @Nullable List<Operation> expression;
        private Map<Integer, Rule> rules = new TreeMap<>();

        State copy() {
            State copy = new State();
            copy.register = register;
            copy.offset = offset;
            copy.expression = expression;
            copy.rules = new TreeMap<>(rules);
            return copy;
        }

        Row row() {
            Cfa cfa = expression == null ? new Cfa.RegisterOffset(register, offset) : new Cfa.Expression(expression);
            return new Row(cfa, new TreeMap<>(rules));
        }

        void define(int newRegister, long newOffset) {
            register = newRegister;
            offset = newOffset;
            expression = null;
        }
    }

    /** A program that does what no program may. */
    static final class BadProgram extends Exception {
        private static final long serialVersionUID = 1L;
    }

    /**
     * The row for an address of the entry.
     *
     * @throws BadProgram if the program breaks off before the row is complete
     */
    Row row(long address) throws BadProgram {
        State state = new State();
        State initial = new State();
        ArrayDeque<State> remembered = new ArrayDeque<>();
        for (CfaInstruction instruction : initialInstructions) {
            state = execute(instruction, state, initial, remembered);
        }
        initial = state.copy();
        remembered.clear(); // what a common entry has remembered no function's entry can restore
        long location = codeStart;
        for (CfaInstruction instruction : instructions) {
            long next = switch (instruction) {
                case CfaInstruction.Advance(long delta, int _) -> location + delta;
                case CfaInstruction.SetLocation(long target) -> target;
                default -> location;
            };
            if (Long.compareUnsigned(next, location) < 0) {
                throw new BadProgram();
            }
            if (Long.compareUnsigned(next, address) > 0) {
                break;
            }
            location = next;
            state = execute(instruction, state, initial, remembered);
        }
        return state.row();
    }

    /** Whether the row for an address reads any of these registers of the frame. */
    boolean usesAny(long address, Set<Integer> registers) {
        try {
            Row row = row(address);
            boolean byCfa = switch (row.cfa) {
                case Cfa.RegisterOffset(int register, long _) -> registers.contains(register);
                case Cfa.Expression(List<Operation> expression) -> uses(expression, registers);
            };
            return byCfa
                    || row.rules.values().stream().anyMatch(rule -> switch (rule) {
                        case Rule.Expression(List<Operation> expression) -> uses(expression, registers);
                        case Rule.ValExpression(List<Operation> expression) -> uses(expression, registers);
                        case Rule.Register(int number) -> registers.contains(number);
                        default -> false;
                    });
        } catch (BadProgram e) {
            return false;
        }
    }

    private static boolean uses(List<Operation> expression, Set<Integer> registers) {
        return expression.stream()
                .anyMatch(operation -> operation instanceof Operation.RegisterPlus(int register, long _, boolean _)
                        && registers.contains(register));
    }

    private State execute(CfaInstruction instruction, State state, State initial, ArrayDeque<State> remembered)
            throws BadProgram {
        switch (instruction) {
            case CfaInstruction.Advance _,
                    CfaInstruction.SetLocation _,
                    CfaInstruction.Nop _,
                    CfaInstruction.ArgumentsSize _ -> {}
            case CfaInstruction.DefineCfa(int register, long offset) -> state.define(register, offset);
            case CfaInstruction.DefineCfaFactored(int register, long factor) ->
                state.define(register, factor * dataAlignment);
            case CfaInstruction.DefineCfaRegister(int register) -> state.define(register, state.offset);
            // Not allowed after an expression, by the standard; binutils and libgcc then remember the offset for later.
            case CfaInstruction.DefineCfaOffset(long offset) -> state.offset = offset;
            case CfaInstruction.DefineCfaOffsetFactored(long factor) -> state.offset = factor * dataAlignment;
            case CfaInstruction.DefineCfaExpression(List<Operation> expression) -> state.expression = expression;
            case CfaInstruction.Undefined(int register) -> state.rules.put(register, new Rule.Undefined());
            case CfaInstruction.SameValue(int register) -> state.rules.put(register, new Rule.SameValue());
            case CfaInstruction.Offset(int register, long factor, int _) ->
                state.rules.put(register, new Rule.Offset(factor * dataAlignment));
            case CfaInstruction.ValOffset(int register, long factor) ->
                state.rules.put(register, new Rule.ValOffset(factor * dataAlignment));
            case CfaInstruction.Register(int register, int other) ->
                state.rules.put(register, new Rule.Register(other));
            case CfaInstruction.Expression(int register, List<Operation> expression) ->
                state.rules.put(register, new Rule.Expression(expression));
            case CfaInstruction.ValExpression(int register, List<Operation> expression) ->
                state.rules.put(register, new Rule.ValExpression(expression));
            case CfaInstruction.Restore(int register, boolean _) -> {
                Rule rule = initial.rules.get(register);
                if (rule == null) {
                    state.rules.remove(register);
                } else {
                    state.rules.put(register, rule);
                }
            }
            case CfaInstruction.RememberState() -> remembered.push(state.copy());
            case CfaInstruction.RestoreState() -> {
                if (remembered.isEmpty()) {
                    throw new BadProgram();
                }
                return remembered.pop();
            }
        }
        return state;
    }
}
