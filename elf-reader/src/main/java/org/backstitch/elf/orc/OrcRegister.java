package org.backstitch.elf.orc;

/**
 * What an ORC entry bases the previous SP or the previous BP on ({@code ORC_REG_*} of {@code asm/orc_types.h}), in the order of the
 * newest format.
 *
 * <p>{@code offset} is the entry's offset, {@code *x} the eight bytes at {@code x}.
 */
public enum OrcRegister {
    /** Of SP: not known. Of BP: the register was not touched. */
    UNDEFINED("(und)"),

    /** RAX as it is in complete registers; the offset is ignored. */
    AX("ax"),

    /** RDX as it is in complete registers; the offset is ignored. */
    DX("dx"),

    /** SP + offset. */
    SP("sp"),

    /** Of SP: BP + offset. Of BP: *(BP + offset). */
    BP("bp"),

    /** RDI as it is in complete registers; the offset is ignored. */
    DI("di"),

    /** R10 as it is in complete registers; the offset is ignored. */
    R10("r10"),

    /** R13 as it is in complete registers; the offset is ignored. */
    R13("r13"),

    /** Of BP: *(previous SP + offset). */
    PREV_SP("prevsp"),

    /** *(SP) + offset: the previous SP was saved at the top of the stack that was switched to (Linux 5.12 and later). */
    SP_INDIRECT("sp"),

    /** *(BP + offset): functions that realign their stack. */
    BP_INDIRECT("bp"),

    /** *(SP + offset): what {@code ORC_REG_SP_INDIRECT} meant before Linux 5.12. */
    SP_OFFSET_INDIRECT("sp");

    private final String label;

    OrcRegister(String label) {
        this.label = label;
    }

    /** The register's name as objtool writes it. */
    public String label() {
        return label;
    }

    /** Whether an entry can base the previous SP on it. */
    public boolean locatesSp() {
        return this != UNDEFINED && this != PREV_SP;
    }

    /** Whether an entry can say with it where the previous BP is. */
    public boolean locatesBp() {
        return this == UNDEFINED || this == PREV_SP || this == BP;
    }

    /** Whether its value is known only where complete registers were saved, and its offset is ignored. */
    public boolean needsFullRegisters() {
        return switch (this) {
            case AX, DX, DI, R10, R13 -> true;
            case UNDEFINED, SP, BP, PREV_SP, SP_INDIRECT, BP_INDIRECT, SP_OFFSET_INDIRECT -> false;
        };
    }

    /** Appends the register with its offset as objtool does: {@code sp+8}, {@code (bp-16)}, {@code (sp)+24}, {@code (und)}. */
    void describe(StringBuilder text, int offset) {
        switch (this) {
            case UNDEFINED -> text.append(label);
            case AX, DX, SP, BP, DI, R10, R13, PREV_SP -> signed(text.append(label), offset);
            case SP_INDIRECT -> signed(text.append('(').append(label).append(')'), offset);
            case BP_INDIRECT, SP_OFFSET_INDIRECT ->
                signed(text.append('(').append(label), offset).append(')');
        }
    }

    private static StringBuilder signed(StringBuilder text, int offset) {
        return (offset < 0 ? text : text.append('+')).append(offset);
    }
}
