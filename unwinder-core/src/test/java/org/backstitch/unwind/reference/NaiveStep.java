package org.backstitch.unwind.reference;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.backstitch.unwind.StopReason;

/**
 * Goes from a frame to its caller by a row (DWARF 5 §6.4.4), with what the psABI adds: the CFA is the caller's RSP, and a register
 * without a rule keeps its value.
 */
final class NaiveStep {
    private static final int RSP = 7;
    private static final int RIP = 16;

    private NaiveStep() {}

    /** How a step ended. */
    sealed interface Result {
        /** The caller's registers that are known. */
        record Caller(Map<Integer, Long> registers) implements Result {}

        record Stop(StopReason reason) implements Result {}
    }

    private static final class Stopped extends Exception {
        private static final long serialVersionUID = 1L;
        private final StopReason reason;

        Stopped(StopReason reason) {
            this.reason = reason;
        }
    }

    /** @param memory of the process; its registers are not asked */
    static Result step(NaiveTable.Row row, Map<Integer, Long> frame, NaiveMachine memory) {
        NaiveMachine machine = new NaiveMachine() {
            @Override
            public OptionalLong register(int number) {
                Long value = frame.get(number);
                return value == null ? OptionalLong.empty() : OptionalLong.of(value);
            }

            @Override
            public OptionalLong memory(long address, int size) {
                return memory.memory(address, size);
            }
        };
        try {
            return new Result.Caller(caller(row, frame, machine));
        } catch (Stopped stopped) {
            return new Result.Stop(stopped.reason);
        }
    }

    private static Map<Integer, Long> caller(NaiveTable.Row row, Map<Integer, Long> frame, NaiveMachine machine)
            throws Stopped {
        if (row.rules().get(RIP) instanceof NaiveTable.Rule.Undefined) {
            throw new Stopped(StopReason.END_OF_STACK);
        }
        long cfa = switch (row.cfa()) {
            case NaiveTable.Cfa.RegisterOffset(int register, long offset) -> {
                OptionalLong base = machine.register(register);
                if (base.isEmpty()) {
                    throw new Stopped(StopReason.BAD_UNWIND_INFO);
                }
                yield base.getAsLong() + offset;
            }
            case NaiveTable.Cfa.Expression(List<Operation> expression) ->
                essential(NaiveExpression.evaluate(expression, machine, List.of()));
        };
        Map<Integer, Long> caller = new TreeMap<>(frame);
        caller.put(RSP, cfa);
        caller.remove(RIP);
        for (Map.Entry<Integer, NaiveTable.Rule> column : row.rules().entrySet()) {
            int register = column.getKey();
            if (register <= RIP) {
                apply(register, column.getValue(), cfa, frame, machine, caller);
            }
        }
        if (!caller.containsKey(RIP)) {
            throw new Stopped(StopReason.BAD_UNWIND_INFO);
        }
        return caller;
    }

    private static void apply(
            int register,
            NaiveTable.Rule rule,
            long cfa,
            Map<Integer, Long> frame,
            NaiveMachine machine,
            Map<Integer, Long> caller)
            throws Stopped {
        boolean essential = register == RSP || register == RIP;
        OptionalLong value = switch (rule) {
            case NaiveTable.Rule.Undefined() -> OptionalLong.empty();
            case NaiveTable.Rule.SameValue() -> machine.register(register);
            case NaiveTable.Rule.Offset(long offset) -> load(register, cfa + offset, frame, machine, essential);
            case NaiveTable.Rule.ValOffset(long offset) -> OptionalLong.of(cfa + offset);
            case NaiveTable.Rule.Register(int number) -> machine.register(number);
            case NaiveTable.Rule.Expression(List<Operation> expression) -> {
                OptionalLong slot = value(expression, cfa, machine, essential);
                yield slot.isEmpty() ? slot : load(register, slot.getAsLong(), frame, machine, essential);
            }
            case NaiveTable.Rule.ValExpression(List<Operation> expression) ->
                value(expression, cfa, machine, essential);
        };
        if (value.isPresent()) {
            caller.put(register, value.getAsLong());
        } else if (essential) {
            throw new Stopped(StopReason.BAD_UNWIND_INFO);
        } else {
            caller.remove(register);
        }
    }

    private static OptionalLong load(
            int register, long slot, Map<Integer, Long> frame, NaiveMachine machine, boolean essential) throws Stopped {
        OptionalLong value = machine.memory(slot, 8);
        if (value.isEmpty() && essential) {
            throw new Stopped(StopReason.BAD_MEMORY);
        }
        // Just below the stack pointer a slot has been popped already: the register has its value back.
        long below = frame.getOrDefault(RSP, 0L) - slot;
        boolean popped = value.isEmpty() && below > 0 && below <= 4096;
        return popped ? machine.register(register) : value;
    }

    private static OptionalLong value(List<Operation> expression, long cfa, NaiveMachine machine, boolean essential)
            throws Stopped {
        NaiveExpression.Result result = NaiveExpression.evaluate(expression, machine, List.of(cfa));
        if (essential) {
            return OptionalLong.of(essential(result));
        }
        return result instanceof NaiveExpression.Result.Value(long value)
                ? OptionalLong.of(value)
                : OptionalLong.empty();
    }

    private static long essential(NaiveExpression.Result result) throws Stopped {
        return switch (result) {
            case NaiveExpression.Result.Value(long value) -> value;
            case NaiveExpression.Result.Unreadable _ -> throw new Stopped(StopReason.BAD_MEMORY);
            case NaiveExpression.Result.UnknownRegister _, NaiveExpression.Result.Invalid _ ->
                throw new Stopped(StopReason.BAD_UNWIND_INFO);
        };
    }
}
