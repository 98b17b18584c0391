package org.backstitch.unwind;

/** Why a callchain, or one part of it, ends where it ends. Each is a promise; {@link #END_OF_STACK} is never said of a chain that was cut. */
public enum StopReason {
    /** The outermost frame is proven: its return address is undefined by its unwind table, or zero; in the kernel an END entry. */
    END_OF_STACK("end-of-stack"),
    /** The recorded stack bytes ran out: the address wanted lies beyond them in the same mapping, or in one that was not recorded. */
    DUMP_EXHAUSTED("dump-exhausted"),
    /** No row of any unwind table covers the pc, and nothing else could be proved; in the kernel also an UNDEFINED entry. */
    NO_UNWIND_INFO("no-unwind-info"),
    /** The rule led to an address that cannot be read. */
    BAD_MEMORY("bad-memory"),
    /** Neither the CFA nor the pc changed, or a state repeats. */
    NO_PROGRESS("no-progress"),
    /** The chain has as many frames as the caller wanted. */
    MAX_STACK("max-stack"),
    /** The unwind information that covers the pc is malformed, or needs a register that is not known. */
    BAD_UNWIND_INFO("bad-unwind-info"),
    /** The chain is the kernel's own, taken as it was recorded. */
    RECORDED("recorded"),
    /** There is no such part. */
    NONE("none"),
    /** Kernel: the walk reached the registers that user mode was left with. */
    USER_REGISTERS("user-registers"),
    /** Kernel: the stack pointer left every stack that is known. */
    BAD_STACK("bad-stack"),
    /** Kernel: the row is based on a register whose value is not known here. */
    MISSING_REGISTER("missing-register");

    private final String label;

    StopReason(String label) {
        this.label = label;
    }

    /** The reason as outputs write it: lower case, words joined by hyphens. */
    public String label() {
        return label;
    }
}
