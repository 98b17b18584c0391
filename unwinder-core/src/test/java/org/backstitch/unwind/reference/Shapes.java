package org.backstitch.unwind.reference;

import java.util.ArrayList;
import java.util.List;

/** Functions of a single row: one for each shape that the compiler knows, and for each way to miss it by a little. */
final class Shapes {
    private static final int RAX = 0;
    private static final int RBX = 3;
    private static final int RBP = 6;
    private static final int RSP = 7;
    private static final int R12 = 12;
    private static final int R15 = 15;
    private static final int RIP = 16;

    private static final CfaInstruction USUAL_CFA = new CfaInstruction.DefineCfa(RSP, 8);
    private static final CfaInstruction USUAL_RETURN = new CfaInstruction.Offset(RIP, 1, 0);

    private final List<Function> functions = new ArrayList<>();

    static List<Function> all() {
        Shapes shapes = new Shapes();
        shapes.bases();
        shapes.framePointers();
        shapes.savedRegisters();
        shapes.loadedCfas();
        shapes.signalFrames();
        shapes.pltEntries();
        shapes.returnAddresses();
        return shapes.functions;
    }

    private void add(CfaInstruction... program) {
        for (boolean signal : new boolean[] {false, true}) {
            functions.add(new Function(
                    List.of(program), List.of(), 1, -1, signal, CfiAssembler.Pointers.PC_RELATIVE_4, false));
        }
    }

    private static CfaInstruction at(int register, long distance) {
        return new CfaInstruction.Offset(register, distance, 3); // data alignment -1: distance below the CFA
    }

    private static CfaInstruction returnAt(long distance) {
        return at(RIP, distance);
    }

    private static List<Operation> sum(int register, long offset) {
        return List.of(new Operation.RegisterPlus(register, offset, false));
    }

    private static List<Operation> loaded(int register, long offset, Operation... more) {
        List<Operation> expression = new ArrayList<>(sum(register, offset));
        expression.add(new Operation.Dereference(8));
        expression.addAll(List.of(more));
        return expression;
    }

    private void bases() {
        for (int base : new int[] {RSP, RBP, RBX, R12, 10, RAX, RIP}) {
            for (long offset : new long[] {0, 8, 16, 40}) {
                add(new CfaInstruction.DefineCfa(base, offset), returnAt(8));
            }
        }
        // Where the words' fields end, of 12 to 32 bits, and beyond.
        for (int bits = 11; bits <= 32; bits++) {
            for (long offset : new long[] {(1L << bits) - 8, 1L << bits}) {
                add(new CfaInstruction.DefineCfa(RSP, offset), returnAt(8));
                add(new CfaInstruction.DefineCfaFactored(RBP, offset), returnAt(8)); // minus the offset
            }
        }
        add(new CfaInstruction.DefineCfa(RSP, 17), returnAt(8));
    }

    private void framePointers() {
        for (long distance : new long[] {16, 24, 8, 0, -8, 17, 1 << 14, 1 << 15, (1 << 15) - 8, 1 << 18, 1L << 31}) {
            add(new CfaInstruction.DefineCfa(RSP, 32), returnAt(8), at(RBP, distance));
            add(new CfaInstruction.DefineCfa(RBP, 16), returnAt(8), at(RBP, distance));
        }
        add(USUAL_CFA, returnAt(8), new CfaInstruction.Undefined(RBP));
        add(USUAL_CFA, returnAt(8), new CfaInstruction.SameValue(RBP));
        add(USUAL_CFA, returnAt(8), new CfaInstruction.Register(RBP, RBX));
        add(USUAL_CFA, returnAt(8), new CfaInstruction.ValOffset(RBP, 16));
        for (int base : new int[] {RSP, RBP, RBX}) {
            for (long offset : new long[] {0, 8, -16, 1 << 14, 1L << 31}) {
                add(USUAL_CFA, returnAt(8), new CfaInstruction.Expression(RBP, sum(base, offset)));
                add(USUAL_CFA, returnAt(8), new CfaInstruction.ValExpression(RBP, sum(base, offset)));
            }
            add(USUAL_CFA, returnAt(8), new CfaInstruction.Expression(RBP, loaded(base, 8)));
            add(new CfaInstruction.DefineCfa(RBX, 16), returnAt(8), new CfaInstruction.Expression(RBP, sum(base, 8)));
        }
        add(USUAL_CFA, returnAt(8), new CfaInstruction.Expression(RBP, List.of(new Operation.PlusConstant(8))));
    }

    private void savedRegisters() {
        for (int register : new int[] {RBX, R12, 13, 14, R15}) {
            for (long distance : new long[] {16, 24, 8, 0, -8, 20, 1 << 10, (1 << 11) - 8, 1 << 11, 1 << 13, 1 << 20}) {
                add(new CfaInstruction.DefineCfa(RSP, 64), returnAt(8), at(register, distance));
            }
            add(USUAL_CFA, returnAt(8), new CfaInstruction.Undefined(register));
            add(USUAL_CFA, returnAt(8), new CfaInstruction.SameValue(register));
            add(USUAL_CFA, returnAt(8), new CfaInstruction.Register(register, RAX));
            add(USUAL_CFA, returnAt(8), new CfaInstruction.ValOffset(register, 16));
            add(USUAL_CFA, returnAt(8), new CfaInstruction.Expression(register, sum(RSP, 8)));
        }
        for (int register : new int[] {RAX, 1, 2, 4, 5, 8, 9, 10, 11}) {
            add(USUAL_CFA, returnAt(8), at(register, 16));
            add(USUAL_CFA, returnAt(8), new CfaInstruction.Undefined(register));
        }
        add(
                new CfaInstruction.DefineCfa(RSP, 64),
                returnAt(8),
                at(RBP, 16),
                at(R15, 24),
                at(14, 32),
                at(13, 40),
                at(R12, 48),
                at(RBX, 56));
    }

    private void loadedCfas() {
        for (int base : new int[] {RBP, RSP, R12, 10}) {
            for (long offset : new long[] {0, -8, 120, 1L << 13, 1L << 20, 1L << 31}) {
                add(new CfaInstruction.DefineCfaExpression(loaded(base, offset)), returnAt(8));
                add(new CfaInstruction.DefineCfaExpression(sum(base, offset)), returnAt(8));
            }
            for (long addend : new long[] {8, 16, 31, 32, 127, 128, 300}) {
                add(
                        new CfaInstruction.DefineCfaExpression(loaded(base, 8, new Operation.PlusConstant(addend))),
                        returnAt(8));
                add(
                        new CfaInstruction.DefineCfaExpression(loaded(
                                base, 8, new Operation.Constant(addend, 0), new Operation.Simple(Operation.Name.PLUS))),
                        returnAt(8));
                add(
                        new CfaInstruction.DefineCfaExpression(loaded(
                                base,
                                8,
                                new Operation.Constant(addend, 0),
                                new Operation.Simple(Operation.Name.MINUS))),
                        returnAt(8));
            }
            add(new CfaInstruction.DefineCfaExpression(loaded(base, 8, new Operation.Dereference(8))), returnAt(8));
            add(new CfaInstruction.DefineCfaExpression(loaded(base, 8, new Operation.Dereference(4))), returnAt(8));
        }
        add(
                new CfaInstruction.DefineCfaExpression(
                        List.of(new Operation.RegisterPlus(RBP, 8, false), new Operation.PlusConstant(24))),
                returnAt(8),
                new CfaInstruction.Expression(RBP, sum(RBP, 0)));
        add(new CfaInstruction.DefineCfaExpression(List.of()), returnAt(8));
        add(new CfaInstruction.DefineCfaExpression(List.of(new Operation.Constant(8, 0))), returnAt(8));
    }

    /** The C library's frames of signal handlers, and what differs from them in one place. */
    private void signalFrames() {
        for (int base : new int[] {RSP, RBX}) {
            for (long next : new long[] {8, 16, 0}) {
                for (int other : new int[] {base, RBP}) {
                    add(
                            new CfaInstruction.DefineCfaExpression(loaded(base, 160)),
                            new CfaInstruction.Expression(RIP, sum(other, 160 + next)),
                            new CfaInstruction.Expression(RBP, sum(base, 120)));
                }
            }
        }
        CfaInstruction cfa = new CfaInstruction.DefineCfaExpression(loaded(RSP, 160));
        CfaInstruction ip = new CfaInstruction.Expression(RIP, sum(RSP, 168));
        for (CfaInstruction sp : List.of(
                new CfaInstruction.Expression(RSP, sum(RSP, 160)),
                new CfaInstruction.Expression(RSP, sum(RSP, 152)),
                new CfaInstruction.Expression(RSP, sum(RBP, 160)),
                new CfaInstruction.Expression(RSP, loaded(RSP, 160)),
                new CfaInstruction.ValOffset(RSP, 0),
                new CfaInstruction.ValOffset(RSP, -8),
                new CfaInstruction.SameValue(RSP),
                new CfaInstruction.Undefined(RSP),
                new CfaInstruction.Register(RSP, RBX))) {
            add(cfa, ip, sp);
            add(USUAL_CFA, USUAL_RETURN, sp);
            add(cfa, returnAt(8), sp);
        }
        add(
                new CfaInstruction.DefineCfaExpression(loaded(RSP, 160, new Operation.PlusConstant(8))),
                ip,
                new CfaInstruction.Expression(RSP, sum(RSP, 160)));
        add(new CfaInstruction.DefineCfa(RSP, 160), ip, new CfaInstruction.Expression(RSP, sum(RSP, 160)));
        add(cfa, new CfaInstruction.Expression(RIP, loaded(RSP, 168)));
    }

    private void pltEntries() {
        List<Operation> plt = Functions.pltEntry(11, 0);
        for (long threshold : new long[] {0, 1, 6, 10, 11, 15, 16}) {
            add(new CfaInstruction.DefineCfaExpression(Functions.pltEntry(threshold, 0)), returnAt(8));
        }
        add(new CfaInstruction.DefineCfaExpression(Functions.pltEntry(11, 1)), returnAt(8));
        for (int place = 0; place < plt.size(); place++) {
            List<Operation> changed = new ArrayList<>(plt);
            changed.set(
                    place,
                    switch (plt.get(place)) {
                        case Operation.Constant(long value, int form) -> new Operation.Constant(value - 1, form);
                        case Operation.RegisterPlus(int register, long offset, boolean extended) ->
                            new Operation.RegisterPlus(register == RSP ? RBP : RBX, offset, extended);
                        default -> new Operation.Simple(Operation.Name.OR);
                    });
            add(new CfaInstruction.DefineCfaExpression(changed), returnAt(8));
        }
        List<Operation> longer = new ArrayList<>(plt);
        longer.add(new Operation.PlusConstant(8));
        add(new CfaInstruction.DefineCfaExpression(longer), returnAt(8));
        add(new CfaInstruction.DefineCfaExpression(plt), returnAt(16));
    }

    private void returnAddresses() {
        for (long distance : new long[] {8, 16, 0, -8, 9}) {
            add(new CfaInstruction.DefineCfa(RSP, 24), returnAt(distance));
        }
        add(USUAL_CFA);
        add(USUAL_CFA, new CfaInstruction.Undefined(RIP));
        add(USUAL_CFA, new CfaInstruction.SameValue(RIP));
        add(USUAL_CFA, new CfaInstruction.Register(RIP, RBX));
        add(USUAL_CFA, new CfaInstruction.Register(RIP, 40));
        add(USUAL_CFA, new CfaInstruction.ValOffset(RIP, 0));
        add(USUAL_CFA, new CfaInstruction.Expression(RIP, sum(RSP, 0)));
        add(USUAL_CFA, new CfaInstruction.ValExpression(RIP, loaded(RSP, 8)));
    }
}
