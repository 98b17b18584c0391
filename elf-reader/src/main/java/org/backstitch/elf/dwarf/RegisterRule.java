package org.backstitch.elf.dwarf;

/** How a register of the caller is recovered: one column of an {@link UnwindRow} (DWARF 5 §6.4.1). */
public sealed interface RegisterRule {
    /** The caller's value cannot be recovered. */
    record Undefined() implements RegisterRule {}

    /** The callee has not changed the register. */
    record SameValue() implements RegisterRule {}

    /** The value lies in memory at CFA + {@code offset} bytes. */
    record Offset(long offset) implements RegisterRule {
        // Written out, as for CfaRule.RegisterOffset.

        @Override
        public boolean equals(Object other) {
            return other instanceof Offset that && offset == that.offset;
        }

        @Override
        public int hashCode() {
            return Long.hashCode(offset);
        }
    }

    /** The value is CFA + {@code offset} bytes. */
    record ValOffset(long offset) implements RegisterRule {}

    /** The value is in another register of the callee, by its DWARF number. */
    record Register(int number) implements RegisterRule {}

    /** The value lies in memory at the address that the expression yields; the CFA is on its stack at the start. */
    record Expression(DwarfExpression expression) implements RegisterRule {}

    /** The value is what the expression yields; the CFA is on its stack at the start. */
    record ValExpression(DwarfExpression expression) implements RegisterRule {}
}
