package org.backstitch.elf.orc;

/** What kind of frame an ORC entry describes, in the order of the newest format ({@code ORC_TYPE_*} of {@code asm/orc_types.h}). */
public enum OrcType {
    /** Nothing is known about the code from here on: no unwinding through it. */
    UNDEFINED("(und)"),

    /** The code from here on has no caller: the stack ends here. */
    END_OF_STACK("end"),

    /** An ordinary frame: the return address lies 8 bytes below the previous SP. */
    CALL("call"),

    /** The previous SP is the address of a complete {@code struct pt_regs}. */
    REGS("regs"),

    /** The previous SP is the address of the hardware's interrupt frame: RIP, CS, RFLAGS, RSP, SS. */
    REGS_PARTIAL("regs (partial)");

    private final String label;

    OrcType(String label) {
        this.label = label;
    }

    /** The type as objtool writes it. */
    public String label() {
        return label;
    }

    /** Whether an entry of this type says where the previous frame is. */
    public boolean describesFrame() {
        return this != UNDEFINED && this != END_OF_STACK;
    }
}
