package org.backstitch.unwind.machine;

/** The registers of x86-64 by their DWARF numbers (System V ABI x86-64 psABI, figure 3.36). */
public final class X86_64 {
    public static final int RAX = 0;
    public static final int RDX = 1;
    public static final int RCX = 2;
    public static final int RBX = 3;
    public static final int RSI = 4;
    public static final int RDI = 5;
    public static final int RBP = 6;
    public static final int RSP = 7;
    public static final int R8 = 8;
    public static final int R9 = 9;
    public static final int R10 = 10;
    public static final int R11 = 11;
    public static final int R12 = 12;
    public static final int R13 = 13;
    public static final int R14 = 14;
    public static final int R15 = 15;

    /** The return address column, which stands for RIP. */
    public static final int RIP = 16;

    /** How many registers unwinding knows: the sixteen general ones and RIP. */
    public static final int COUNT = 17;

    private static final String[] NAMES = {
        "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "rip"
    };

    private X86_64() {}

    /** The register's name: {@code rax} to {@code rip}; {@code rN} for numbers that unwinding does not know. */
    public static String name(int register) {
        return register >= 0 && register < COUNT ? NAMES[register] : "r" + register;
    }
}
