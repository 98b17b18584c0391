package org.backstitch.unwind.reference;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Tuple;

/** Generators of expressions, of programs, and of functions: what compilers write more often than what nobody would. */
final class Functions {
    private Functions() {}

    private static Arbitrary<Integer> registers() {
        return Arbitraries.frequencyOf(
                Tuple.of(6, Arbitraries.of(3, 6, 12, 13, 14, 15)),
                Tuple.of(3, Arbitraries.of(7, 6, 16)),
                Tuple.of(2, Arbitraries.integers().between(0, 16)),
                Tuple.of(1, Arbitraries.of(17, 40, 63, 64, 129)));
    }

    private static Arbitrary<Integer> bases() {
        return Arbitraries.frequencyOf(
                Tuple.of(8, Arbitraries.of(7, 6)),
                Tuple.of(2, Arbitraries.integers().between(0, 17)));
    }

    private static Arbitrary<Long> offsets() {
        return Arbitraries.frequencyOf(
                Tuple.of(12, Arbitraries.longs().between(0, 24).map(words -> words * 8)),
                Tuple.of(2, Arbitraries.longs().between(0, 70_000)),
                Tuple.of(1, Arbitraries.of(0x7fff_ffffL, 0x8000_0000L, 1L << 40, Long.MAX_VALUE >>> 4)));
    }

    private static Arbitrary<Long> factors() {
        return Arbitraries.frequencyOf(
                Tuple.of(12, Arbitraries.longs().between(0, 12)),
                Tuple.of(3, Arbitraries.longs().between(-200, 200)),
                Tuple.of(1, Arbitraries.of(5000L, -5000L, 1L << 33, -(1L << 40))));
    }

    /** Any operation, on whatever lies on the stack. */
    private static Arbitrary<Operation> operations() {
        Arbitrary<Long> values = Arbitraries.oneOf(
                Arbitraries.longs().between(-40, 40),
                Arbitraries.longs(),
                Arbitraries.of(63L, 64L, 65L, 0xffL, 0xffffL, Long.MIN_VALUE, 1L << 32));
        return Arbitraries.frequencyOf(
                Tuple.of(
                        4,
                        Combinators.combine(values, Arbitraries.integers().between(0, 11))
                                .as((value, form) -> (Operation) new Operation.Constant(value, form))),
                Tuple.of(
                        3,
                        Combinators.combine(
                                        bases(), Arbitraries.longs().between(-300, 300), Arbitraries.of(true, false))
                                .as((register, offset, extended) ->
                                        (Operation) new Operation.RegisterPlus(register, offset, extended))),
                Tuple.of(2, Arbitraries.of(8, 8, 8, 1, 2, 4, 3, 7, 0, 9).map(Operation.Dereference::new)),
                Tuple.of(1, Arbitraries.integers().between(0, 5).map(Operation.Pick::new)),
                Tuple.of(2, offsets().map(Operation.PlusConstant::new)),
                Tuple.of(
                        1,
                        Combinators.combine(Arbitraries.integers().between(-4, 4), Arbitraries.of(true, false))
                                .as((distance, conditional) ->
                                        (Operation) new Operation.Branch(distance, conditional))),
                Tuple.of(8, Arbitraries.of(Operation.Name.class).map(Operation.Simple::new)));
    }

    /** Expressions of the shapes that rule words can hold, and of shapes that are nearly so, and any others. */
    static Arbitrary<List<Operation>> expressions() {
        Arbitrary<Operation> base = Combinators.combine(
                        bases(), Arbitraries.longs().between(-40, 40))
                .as((register, words) -> new Operation.RegisterPlus(register, words * 8, false));
        Arbitrary<List<Operation>> sums = base.map(List::of);
        Arbitrary<List<Operation>> loads = Combinators.combine(
                        base, Arbitraries.longs().between(0, 200))
                .as((start, addend) ->
                        List.of(start, new Operation.Dereference(8), new Operation.PlusConstant(addend)));
        Arbitrary<List<Operation>> plainLoads = base.map(start -> List.of(start, new Operation.Dereference(8)));
        Arbitrary<List<Operation>> literals = Combinators.combine(
                        base, Arbitraries.longs().between(0, 31))
                .as((start, addend) -> List.of(
                        start,
                        new Operation.Dereference(8),
                        new Operation.Constant(addend, 0),
                        new Operation.Simple(Operation.Name.PLUS)));
        Arbitrary<List<Operation>> plt = Combinators.combine(
                        Arbitraries.longs().between(0, 16), Arbitraries.longs().between(-1, 1))
                .as(Functions::pltEntry);
        // Operands that are equal, or next to where an operation changes its mind.
        Arbitrary<Long> edges =
                Arbitraries.of(-2L, -1L, 0L, 1L, 2L, 62L, 63L, 64L, 65L, Long.MIN_VALUE, Long.MAX_VALUE);
        Arbitrary<List<Operation>> pairs = Combinators.combine(edges, edges, Arbitraries.of(Operation.Name.class))
                .as((second, top, name) -> List.of(
                        new Operation.Constant(5, 0),
                        new Operation.Constant(second, 11),
                        new Operation.Constant(top, 11),
                        new Operation.Simple(name)));
        return Arbitraries.frequencyOf(
                Tuple.of(3, pairs),
                Tuple.of(4, sums),
                Tuple.of(3, loads),
                Tuple.of(3, plainLoads),
                Tuple.of(2, literals),
                Tuple.of(2, plt),
                Tuple.of(4, operations().list().ofMaxSize(12)));
    }

    /** {@code rsp + 8 + ((rip & 15) >= threshold) * 8}, as linkers write it for a PLT. */
    static List<Operation> pltEntry(long threshold, long ripOffset) {
        return List.of(
                new Operation.RegisterPlus(7, 8, false),
                new Operation.RegisterPlus(16, ripOffset, false),
                new Operation.Constant(15, 0),
                new Operation.Simple(Operation.Name.AND),
                new Operation.Constant(threshold, 0),
                new Operation.Simple(Operation.Name.GE),
                new Operation.Constant(3, 0),
                new Operation.Simple(Operation.Name.SHL),
                new Operation.Simple(Operation.Name.PLUS));
    }

    private static Arbitrary<CfaInstruction> instructions(long codeAlignment) {
        Arbitrary<Integer> registers = registers();
        return Arbitraries.frequencyOf(
                Tuple.of(
                        12,
                        Combinators.combine(
                                        Arbitraries.frequencyOf(
                                                Tuple.of(12, Arbitraries.longs().between(0, 30)),
                                                Tuple.of(1, Arbitraries.longs().between(0, 70_000))),
                                        Arbitraries.integers().between(0, 3))
                                .as((units, form) ->
                                        (CfaInstruction) new CfaInstruction.Advance(units * codeAlignment, form))),
                Tuple.of(
                        1,
                        Arbitraries.longs()
                                .between(-8, Function.LENGTH + 8L)
                                .map(offset -> new CfaInstruction.SetLocation(Function.START + offset))),
                Tuple.of(4, Combinators.combine(bases(), offsets()).as(CfaInstruction.DefineCfa::new)),
                Tuple.of(1, Combinators.combine(bases(), factors()).as(CfaInstruction.DefineCfaFactored::new)),
                Tuple.of(2, bases().map(CfaInstruction.DefineCfaRegister::new)),
                Tuple.of(5, offsets().map(CfaInstruction.DefineCfaOffset::new)),
                Tuple.of(1, factors().map(CfaInstruction.DefineCfaOffsetFactored::new)),
                Tuple.of(2, expressions().map(CfaInstruction.DefineCfaExpression::new)),
                Tuple.of(1, registers.map(CfaInstruction.Undefined::new)),
                Tuple.of(1, registers.map(CfaInstruction.SameValue::new)),
                Tuple.of(
                        8,
                        Combinators.combine(
                                        registers,
                                        factors(),
                                        Arbitraries.integers().between(0, 3))
                                .as(CfaInstruction.Offset::new)),
                Tuple.of(1, Combinators.combine(registers, factors()).as(CfaInstruction.ValOffset::new)),
                Tuple.of(1, Combinators.combine(registers, bases()).as(CfaInstruction.Register::new)),
                Tuple.of(3, Combinators.combine(registers, expressions()).as(CfaInstruction.Expression::new)),
                Tuple.of(1, Combinators.combine(registers, expressions()).as(CfaInstruction.ValExpression::new)),
                Tuple.of(
                        2,
                        Combinators.combine(registers, Arbitraries.of(true, false))
                                .as(CfaInstruction.Restore::new)),
                Tuple.of(2, Arbitraries.just(new CfaInstruction.RememberState())),
                Tuple.of(2, Arbitraries.just(new CfaInstruction.RestoreState())),
                Tuple.of(1, Arbitraries.just(new CfaInstruction.Nop())),
                Tuple.of(1, offsets().map(CfaInstruction.ArgumentsSize::new)));
    }

    /** What compilers write, and the edges of it: offsets and slots that are just too large. */
    private static Arbitrary<CfaInstruction> ordinaryInstructions(long codeAlignment) {
        Arbitrary<Long> sizes = Arbitraries.frequencyOf(
                Tuple.of(12, Arbitraries.longs().between(0, 40).map(words -> words * 8)),
                Tuple.of(1, Arbitraries.of(127L, 128L, 16_376L, 16_384L, 1_048_568L, 1_048_576L, 2_097_152L)));
        Arbitrary<Integer> saved = Arbitraries.frequencyOf(
                Tuple.of(30, Arbitraries.of(3, 6, 12, 13, 14, 15, 16)), Tuple.of(1, Arbitraries.of(0, 7, 10, 17)));
        Arbitrary<Long> slots = Arbitraries.frequencyOf(
                Tuple.of(20, Arbitraries.longs().between(1, 12)),
                Tuple.of(1, Arbitraries.of(0L, 62L, 63L, 64L, 127L, 128L)));
        return Arbitraries.frequencyOf(
                Tuple.of(
                        12,
                        Combinators.combine(
                                        Arbitraries.longs().between(0, 12),
                                        Arbitraries.integers().between(0, 3))
                                .as((units, form) ->
                                        (CfaInstruction) new CfaInstruction.Advance(units * codeAlignment, form))),
                Tuple.of(2, Combinators.combine(bases(), sizes).as(CfaInstruction.DefineCfa::new)),
                Tuple.of(2, bases().map(CfaInstruction.DefineCfaRegister::new)),
                Tuple.of(8, sizes.map(CfaInstruction.DefineCfaOffset::new)),
                Tuple.of(
                        8,
                        Combinators.combine(saved, slots)
                                .as((register, slot) -> new CfaInstruction.Offset(register, slot, 0))),
                Tuple.of(2, saved.map(register -> new CfaInstruction.Restore(register, false))),
                Tuple.of(2, Arbitraries.just(new CfaInstruction.RememberState())),
                Tuple.of(2, Arbitraries.just(new CfaInstruction.RestoreState())),
                Tuple.of(1, Arbitraries.just(new CfaInstruction.Nop())));
    }

    /** CFA at RSP + 8 and the return address below it, as every compiler begins, and what the generator adds. */
    private static List<CfaInstruction> usualBeginning(List<CfaInstruction> more, boolean usual) {
        List<CfaInstruction> program = new ArrayList<>();
        if (usual) {
            program.add(new CfaInstruction.DefineCfa(7, 8));
            program.add(new CfaInstruction.Offset(16, 1, 0));
        }
        more.stream()
                .filter(instruction -> !(instruction instanceof CfaInstruction.Advance
                        || instruction instanceof CfaInstruction.SetLocation
                        || instruction instanceof CfaInstruction.RestoreState))
                .forEach(program::add);
        return program;
    }

    /** A signal frame as the C library describes it: the CFA is a saved RSP, and what lies behind it the pc. */
    private static List<CfaInstruction> signalFrame(long slot) {
        return List.of(
                new CfaInstruction.DefineCfaExpression(
                        List.of(new Operation.RegisterPlus(7, slot, false), new Operation.Dereference(8))),
                new CfaInstruction.Expression(7, List.of(new Operation.RegisterPlus(7, slot, false))),
                new CfaInstruction.Expression(6, List.of(new Operation.RegisterPlus(7, slot - 40, false))),
                new CfaInstruction.Expression(3, List.of(new Operation.RegisterPlus(7, slot - 32, false))),
                new CfaInstruction.Expression(16, List.of(new Operation.RegisterPlus(7, slot + 8, false))));
    }

    static Arbitrary<Function> functions() {
        Arbitrary<Long> codeAlignments =
                Arbitraries.frequencyOf(Tuple.of(6, Arbitraries.just(1L)), Tuple.of(1, Arbitraries.of(2L, 4L)));
        return codeAlignments.flatMap(codeAlignment -> {
            Arbitrary<List<CfaInstruction>> common = Combinators.combine(
                            instructions(codeAlignment).list().ofMaxSize(3),
                            Arbitraries.frequency(Tuple.of(9, true), Tuple.of(1, false)))
                    .as(Functions::usualBeginning);
            Arbitrary<List<CfaInstruction>> signal =
                    Arbitraries.longs().between(2, 25).map(words -> signalFrame(words * 8));
            return Combinators.combine(
                            Arbitraries.frequencyOf(Tuple.of(8, common), Tuple.of(1, signal)),
                            Arbitraries.oneOf(
                                    instructions(codeAlignment).list().ofMaxSize(16),
                                    ordinaryInstructions(codeAlignment).list().ofMaxSize(24)),
                            Arbitraries.just(codeAlignment),
                            Arbitraries.frequency(Tuple.of(8, -8L), Tuple.of(1, -4L), Tuple.of(1, 8L)),
                            Arbitraries.frequency(Tuple.of(4, false), Tuple.of(1, true)),
                            Arbitraries.of(CfiAssembler.Pointers.class),
                            Arbitraries.frequency(Tuple.of(4, false), Tuple.of(1, true)))
                    .as((initial, program, code, data, isSignal, pointers, debugFrame) ->
                            new Function(initial, program, code, data, isSignal && !debugFrame, pointers, debugFrame));
        });
    }
}
