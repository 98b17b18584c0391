package org.backstitch.elf.dwarf;

/** How the canonical frame address of an {@link UnwindRow} is computed (DWARF 5 §6.4.1). */
public sealed interface CfaRule {
    /** The value of a register, by its DWARF number, plus {@code offset} bytes. */
    record RegisterOffset(int register, long offset) implements CfaRule {}

    /** What the expression yields, started with an empty stack. */
    record Expression(DwarfExpression expression) implements CfaRule {}
}
