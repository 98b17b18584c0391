package org.backstitch.unwind.machine;

import static org.backstitch.unwind.machine.X86_64.*;

/**
 * How the kernel lays out saved registers on x86-64: {@code struct pt_regs}, which is also the order of {@code pr_reg} in
 * NT_PRSTATUS notes ({@code arch/x86/include/uapi/asm/ptrace.h}). Offsets in bytes.
 */
public final class PtRegs {
    /** Bytes of the complete structure. */
    public static final int SIZE = 168;

    /** Where the hardware's part starts: RIP, CS, RFLAGS, RSP, SS. */
    public static final int IRET_FRAME_OFFSET = 128;

    /** Bytes of the hardware's part. */
    public static final int IRET_FRAME_SIZE = SIZE - IRET_FRAME_OFFSET;

    public static final int ORIG_AX = 120;
    public static final int CS = 136;
    public static final int FLAGS = 144;
    public static final int SS = 160;

    private static final int[] OFFSETS = new int[COUNT];

    static {
        OFFSETS[R15] = 0;
        OFFSETS[R14] = 8;
        OFFSETS[R13] = 16;
        OFFSETS[R12] = 24;
        OFFSETS[RBP] = 32;
        OFFSETS[RBX] = 40;
        OFFSETS[R11] = 48;
        OFFSETS[R10] = 56;
        OFFSETS[R9] = 64;
        OFFSETS[R8] = 72;
        OFFSETS[RAX] = 80;
        OFFSETS[RCX] = 88;
        OFFSETS[RDX] = 96;
        OFFSETS[RSI] = 104;
        OFFSETS[RDI] = 112;
        OFFSETS[RIP] = 128;
        OFFSETS[RSP] = 152;
    }

    private PtRegs() {}

    /** Where a register lies. */
    public static int offset(int register) {
        return OFFSETS[register];
    }

    /** Whether a code segment selector is one of user mode: its privilege level is not 0 ({@code user_mode}). */
    public static boolean isUserMode(long cs) {
        return (cs & 3) != 0;
    }
}
