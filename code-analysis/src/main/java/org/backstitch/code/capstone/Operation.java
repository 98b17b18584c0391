package org.backstitch.code.capstone;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The instructions that an analysis of the stack knows by name; all others are {@link #OTHER}.
 *
 * <p>Capstone numbers its instructions anew in each release, but their names ({@code cs_insn_name}) stay: a constant here is such a
 * name in upper case.
 */
public enum Operation {
    OTHER,
    // Data movement.
    MOV,
    MOVABS,
    MOVSX,
    MOVSXD,
    MOVZX,
    LEA,
    XCHG,
    CDQE,
    // The stack.
    PUSH,
    PUSHFQ,
    POP,
    POPFQ,
    LEAVE,
    ENTER,
    // Arithmetic.
    ADD,
    SUB,
    INC,
    DEC,
    NEG,
    AND,
    OR,
    XOR,
    SHL,
    SAL,
    SHR,
    CMP,
    TEST,
    // Instructions whose first operand is only read.
    BT,
    NOP,
    ENDBR64,
    PREFETCH,
    PREFETCHT0,
    PREFETCHT1,
    PREFETCHT2,
    PREFETCHNTA,
    PREFETCHW,
    // Control.
    CALL,
    LCALL,
    JMP,
    LJMP,
    JA,
    JAE,
    JB,
    JBE,
    JE,
    JNE,
    JG,
    JGE,
    JL,
    JLE,
    JO,
    JNO,
    JP,
    JNP,
    JS,
    JNS,
    JRCXZ,
    JECXZ,
    LOOP,
    LOOPE,
    LOOPNE,
    XBEGIN,
    RET,
    RETF,
    RETFQ,
    IRET,
    IRETD,
    IRETQ,
    SYSCALL,
    SYSENTER,
    SYSEXIT,
    SYSRET,
    INT,
    INT1,
    INT3,
    HLT,
    UD0,
    UD1,
    UD2;

    private static final Map<String, Operation> BY_NAME = new HashMap<>();

    static {
        for (Operation operation : values()) {
            if (operation != OTHER) {
                BY_NAME.put(operation.name().toLowerCase(Locale.ROOT), operation);
            }
        }
    }

    /** The operation that Capstone calls {@code name}; {@link #OTHER} where none is. */
    static Operation of(@Nullable String name) {
        return name == null ? OTHER : BY_NAME.getOrDefault(name, OTHER);
    }
}
