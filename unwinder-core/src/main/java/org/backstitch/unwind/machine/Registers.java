package org.backstitch.unwind.machine;

import java.util.Arrays;

/**
 * The registers of one frame: the sixteen general ones and RIP, by their DWARF numbers ({@link X86_64}), each known or not.
 *
 * <p>Mutable, meant to be reused. Not thread-safe.
 */
public final class Registers {
    private final long[] values = new long[X86_64.COUNT];
    private int known;

    /** Registers none of which is known. */
    public Registers() {}

    /** Whether a register's value is known; false for numbers that are none. */
    public boolean isKnown(int register) {
        return register >= 0 && register < X86_64.COUNT && (known >>> register & 1) != 0;
    }

    /** A register's value; 0 if it is not known. */
    public long get(int register) {
        return values[register];
    }

    /** Makes a register known. */
    public Registers set(int register, long value) {
        values[register] = value;
        known |= 1 << register;
        return this;
    }

    /** Makes a register unknown. */
    public void forget(int register) {
        values[register] = 0;
        known &= ~(1 << register);
    }

    /** Makes all registers unknown. */
    public void clear() {
        known = 0;
        Arrays.fill(values, 0);
    }

    /** Takes over all that another set knows. */
    public void copyFrom(Registers that) {
        System.arraycopy(that.values, 0, values, 0, values.length);
        known = that.known;
    }

    /** Whether the same registers are known, with the same values. */
    public boolean sameAs(Registers that) {
        return known == that.known && Arrays.equals(values, that.values);
    }

    /** Which registers are known: bit n for DWARF number n. */
    public int knownMask() {
        return known;
    }

    /** Copies the values of all registers to {@code target} from {@code offset} on; unknown ones are 0. */
    public void copyTo(long[] target, int offset) {
        System.arraycopy(values, 0, target, offset, values.length);
    }

    /** RIP: where the frame is executing. */
    public long pc() {
        return values[X86_64.RIP];
    }

    /** RSP. */
    public long sp() {
        return values[X86_64.RSP];
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int register = 0; register < X86_64.COUNT; register++) {
            if (isKnown(register)) {
                text.append(text.isEmpty() ? "" : " ")
                        .append(X86_64.name(register))
                        .append('=');
                text.append(Long.toHexString(values[register]));
            }
        }
        return text.toString();
    }
}
