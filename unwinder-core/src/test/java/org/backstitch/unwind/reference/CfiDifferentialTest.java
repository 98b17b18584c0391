package org.backstitch.unwind.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.statistics.Statistics;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.CfaRule;
import org.backstitch.elf.dwarf.DwarfExpression;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.elf.dwarf.RegisterRule;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.UnwindTable;
import org.jspecify.annotations.Nullable;

/**
 * Random call frame programs: the interpreter, single look-ups and the compiled table give at every address the row that the naive
 * reading gives.
 */
class CfiDifferentialTest {
    @Provide
    Arbitrary<Function> functions() {
        return Functions.functions();
    }

    @Provide
    Arbitrary<List<Operation>> expressions() {
        return Functions.expressions();
    }

    private static FrameDescriptionEntry entry(ElfFile elf) {
        CallFrameInfo.EntryCursor entries = CallFrameInfo.of(elf).orElseThrow().entries();
        assertTrue(entries.next() && entries.isCie() && entries.next());
        return entries.parseFde();
    }

    @Property
    void theInterpreterAgrees(@ForAll("functions") Function function) {
        FrameDescriptionEntry fde = entry(function.elf());
        assertEquals(Function.START, fde.start());
        assertEquals(Function.LENGTH, fde.length());
        assertEquals(function.signalFrame(), fde.cie().isSignalFrame());
        for (int offset = 0; offset < Function.LENGTH; offset++) {
            long vaddr = Function.START + offset;
            assertEquals(naive(function, vaddr), interpreted(fde, vaddr), () -> "at 0x%x".formatted(vaddr));
        }
    }

    /** The row for an address, or null where the program is malformed. */
    private static @Nullable UnwindRow naive(Function function, long vaddr) {
        try {
            return asProduct(function.table().row(vaddr));
        } catch (NaiveTable.BadProgram e) {
            return null;
        }
    }

    private static @Nullable UnwindRow interpreted(FrameDescriptionEntry fde, long vaddr) {
        CallFrameInterpreter rows = new CallFrameInterpreter();
        rows.start(fde);
        try {
            while (rows.nextRow()) {
                if (Long.compareUnsigned(vaddr, rows.rowEnd()) < 0) {
                    assertTrue(Long.compareUnsigned(rows.rowStart(), vaddr) <= 0);
                    return rows.row();
                }
            }
            throw new AssertionError("no row for an address of the entry");
        } catch (MalformedInputException e) {
            return null;
        }
    }

    private static UnwindRow asProduct(NaiveTable.Row row) {
        CfaRule cfa = switch (row.cfa()) {
            case NaiveTable.Cfa.RegisterOffset(int register, long offset) ->
                new CfaRule.RegisterOffset(register, offset);
            case NaiveTable.Cfa.Expression(List<Operation> expression) -> new CfaRule.Expression(asProduct(expression));
        };
        Map<Integer, RegisterRule> rules = new TreeMap<>();
        row.rules().forEach((register, rule) -> rules.put(register, asProduct(rule)));
        return new UnwindRow(cfa, new TreeMap<>(rules), 16);
    }

    private static RegisterRule asProduct(NaiveTable.Rule rule) {
        return switch (rule) {
            case NaiveTable.Rule.Undefined() -> new RegisterRule.Undefined();
            case NaiveTable.Rule.SameValue() -> new RegisterRule.SameValue();
            case NaiveTable.Rule.Offset(long offset) -> new RegisterRule.Offset(offset);
            case NaiveTable.Rule.ValOffset(long offset) -> new RegisterRule.ValOffset(offset);
            case NaiveTable.Rule.Register(int number) -> new RegisterRule.Register(number);
            case NaiveTable.Rule.Expression(List<Operation> expression) ->
                new RegisterRule.Expression(asProduct(expression));
            case NaiveTable.Rule.ValExpression(List<Operation> expression) ->
                new RegisterRule.ValExpression(asProduct(expression));
        };
    }

    private static DwarfExpression asProduct(List<Operation> expression) {
        return new DwarfExpression(CfiAssembler.expression(expression), "expression", 0);
    }

    /** Look-ups one by one and the table of all rows hold the same rules, in words and in complete rows. */
    @Property
    void theTableAgreesWithSingleLookUps(@ForAll("functions") Function function) {
        ElfFile elf = function.elf();
        CfiUnwindInfo lazy = CfiUnwindInfo.of(elf);
        UnwindTable table = CfiUnwindInfo.of(elf).compile();
        int rows = 0;
        for (long vaddr = Function.START - 2; vaddr < Function.START + Function.LENGTH + 2; vaddr++) {
            // A new one each time: one that has been asked often would have compiled its table.
            CfiUnwindInfo single = CfiUnwindInfo.of(elf);
            int number = single.find(vaddr);
            int compiled = table.find(vaddr);
            int repeated = lazy.find(vaddr);
            String where = "at 0x%x".formatted(vaddr);
            assertEquals(single.dictionary().rule(number), table.dictionary().rule(compiled), where);
            assertEquals(single.dictionary().saved(number), table.dictionary().saved(compiled), where);
            assertEquals(single.dictionary().side(number), table.dictionary().side(compiled), where);
            assertEquals(single.dictionary().rule(number), lazy.dictionary().rule(repeated), where);
            boolean inside = vaddr >= Function.START && vaddr < Function.START + Function.LENGTH;
            assertEquals(inside, number != 0, where);
            rows += compiled != 0 ? 1 : 0;
        }
        assertEquals(Function.LENGTH, rows);
    }

    @Property(tries = 5000)
    void expressionsAgree(@ForAll("expressions") List<Operation> expression, @ForAll long seed) {
        MadeUpProcess process = new MadeUpProcess(seed);
        Map<Integer, Long> frame = process.frame(MadeUpProcess.BIAS + Function.START + (seed & 0x7f));
        DwarfExpression.Machine machine = new ProductMachine(process, frame);
        NaiveMachine naive = new NaiveMachine() {
            @Override
            public java.util.OptionalLong register(int number) {
                Long value = frame.get(number);
                return value == null ? java.util.OptionalLong.empty() : java.util.OptionalLong.of(value);
            }

            @Override
            public java.util.OptionalLong memory(long address, int size) {
                return process.memory(address, size);
            }
        };
        DwarfExpression compiled = asProduct(expression);
        long cfa = MadeUpProcess.STACK + (seed & 0xff8);
        check(NaiveExpression.evaluate(expression, naive, List.of()), compiled, machine, null);
        check(NaiveExpression.evaluate(expression, naive, List.of(cfa)), compiled, machine, cfa);
    }

    private static void check(
            NaiveExpression.Result expected,
            DwarfExpression expression,
            DwarfExpression.Machine machine,
            @Nullable Long cfa) {
        Statistics.collect(expected.getClass().getSimpleName());
        switch (expected) {
            case NaiveExpression.Result.Invalid() ->
                assertThrows(MalformedInputException.class, () -> evaluate(expression, machine, cfa));
            case NaiveExpression.Result.Value(long value) ->
                assertEquals(
                        new DwarfExpression.Result(DwarfExpression.Outcome.VALUE, value),
                        evaluate(expression, machine, cfa));
            case NaiveExpression.Result.UnknownRegister(int register) ->
                assertEquals(
                        new DwarfExpression.Result(DwarfExpression.Outcome.UNKNOWN_REGISTER, register),
                        evaluate(expression, machine, cfa));
            case NaiveExpression.Result.Unreadable(long address) ->
                assertEquals(
                        new DwarfExpression.Result(DwarfExpression.Outcome.UNREADABLE, address),
                        evaluate(expression, machine, cfa));
        }
    }

    private static DwarfExpression.Result evaluate(
            DwarfExpression expression, DwarfExpression.Machine machine, @Nullable Long cfa) {
        return cfa == null ? expression.evaluate(machine) : expression.evaluate(machine, cfa);
    }

    /** The process as the product's evaluator asks for it. */
    private record ProductMachine(MadeUpProcess process, Map<Integer, Long> frame) implements DwarfExpression.Machine {
        @Override
        public boolean isKnown(int register) {
            return frame.containsKey(register);
        }

        @Override
        public long register(int register) {
            Long value = frame.get(register);
            if (value == null) {
                throw new AssertionError("a register that is not known");
            }
            return value;
        }

        @Override
        public boolean isReadable(long address, int length) {
            return process.isReadable(address, length);
        }

        @Override
        public long readLong(long address) {
            return process.readLong(address);
        }
    }
}
