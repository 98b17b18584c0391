package org.backstitch.perf;

/**
 * The registers of x86 as perf numbers them (arch/x86/include/uapi/asm/perf_regs.h): bit {@code n} of a register mask says that
 * register {@code n} was recorded. These are not DWARF's numbers.
 */
public final class PerfRegisters {
    public static final int AX = 0;
    public static final int BX = 1;
    public static final int CX = 2;
    public static final int DX = 3;
    public static final int SI = 4;
    public static final int DI = 5;
    public static final int BP = 6;
    public static final int SP = 7;
    public static final int IP = 8;
    public static final int FLAGS = 9;
    public static final int CS = 10;
    public static final int SS = 11;
    public static final int DS = 12;
    public static final int ES = 13;
    public static final int FS = 14;
    public static final int GS = 15;
    public static final int R8 = 16;
    public static final int R9 = 17;
    public static final int R10 = 18;
    public static final int R11 = 19;
    public static final int R12 = 20;
    public static final int R13 = 21;
    public static final int R14 = 22;
    public static final int R15 = 23;

    /** No registers: a kernel thread, or a task that was exiting ({@code PERF_SAMPLE_REGS_ABI_NONE}). */
    public static final int ABI_NONE = 0;

    /** The registers of a 32-bit task ({@code PERF_SAMPLE_REGS_ABI_32}). */
    public static final int ABI_32 = 1;

    /** The registers of a 64-bit task ({@code PERF_SAMPLE_REGS_ABI_64}). */
    public static final int ABI_64 = 2;

    private PerfRegisters() {}
}
