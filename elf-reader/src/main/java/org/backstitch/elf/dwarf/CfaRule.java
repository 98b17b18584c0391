package org.backstitch.elf.dwarf;

/** How the canonical frame address of an {@link UnwindRow} is computed (DWARF 5 §6.4.1). */
public sealed interface CfaRule {
    /** The value of a register, by its DWARF number, plus {@code offset} bytes. */
    record RegisterOffset(int register, long offset) implements CfaRule {
        // Written out: to link the methods that a record has by itself takes milliseconds of the first walk of a
        // virtual machine.

        @Override
        public boolean equals(Object other) {
            return other instanceof RegisterOffset that && register == that.register && offset == that.offset;
        }

        @Override
        public int hashCode() {
            return 31 * Long.hashCode(offset) + register;
        }
    }

    /** What the expression yields, started with an empty stack. */
    record Expression(DwarfExpression expression) implements CfaRule {}
}
