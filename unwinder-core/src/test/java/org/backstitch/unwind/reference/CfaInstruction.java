package org.backstitch.unwind.reference;

import java.util.List;

/** The call frame instructions of DWARF 5 §6.4.2, and two of GNU's. */
sealed interface CfaInstruction {
    /** Moves on by {@code delta} bytes of code; {@code form} says which of the advance instructions is to be written, if it fits. */
    record Advance(long delta, int form) implements CfaInstruction {}

    record SetLocation(long location) implements CfaInstruction {}

    record DefineCfa(int register, long offset) implements CfaInstruction {}

    /** {@code DW_CFA_def_cfa_sf}: the offset is a multiple of the data alignment. */
    record DefineCfaFactored(int register, long factor) implements CfaInstruction {}

    record DefineCfaRegister(int register) implements CfaInstruction {}

    record DefineCfaOffset(long offset) implements CfaInstruction {}

    record DefineCfaOffsetFactored(long factor) implements CfaInstruction {}

    record DefineCfaExpression(List<Operation> expression) implements CfaInstruction {}

    record Undefined(int register) implements CfaInstruction {}

    record SameValue(int register) implements CfaInstruction {}

    /** {@code form} says which of {@code offset}, {@code offset_extended}, {@code …_sf} and GNU's negative one is to be written, if it fits. */
    record Offset(int register, long factor, int form) implements CfaInstruction {}

    record ValOffset(int register, long factor) implements CfaInstruction {}

    record Register(int register, int other) implements CfaInstruction {}

    record Expression(int register, List<Operation> expression) implements CfaInstruction {}

    record ValExpression(int register, List<Operation> expression) implements CfaInstruction {}

    record Restore(int register, boolean extended) implements CfaInstruction {}

    record RememberState() implements CfaInstruction {}

    record RestoreState() implements CfaInstruction {}

    record Nop() implements CfaInstruction {}

    record ArgumentsSize(long size) implements CfaInstruction {}
}
