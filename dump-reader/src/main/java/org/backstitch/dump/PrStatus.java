package org.backstitch.dump;

import org.backstitch.bytes.Bytes;
import org.backstitch.unwind.machine.X86_64;

/**
 * The registers of a thread or a CPU, as {@code NT_PRSTATUS} notes of x86-64 keep them ({@code struct elf_prstatus} in the kernel's
 * {@code include/linux/elfcore.h}, {@code struct user_regs_struct} in {@code arch/x86/include/asm/user_64.h}; both are ABI).
 */
public final class PrStatus {
    /** {@code NT_PRSTATUS} in {@code include/uapi/linux/elf.h}. */
    public static final int NOTE_TYPE = 1;

    private static final int SIGNAL_OFFSET = 12;
    private static final int PID_OFFSET = 32;
    private static final int REGISTERS_OFFSET = 112;
    private static final int CS_INDEX = 17;
    private static final int GS_BASE_INDEX = 22;

    /** Index in {@code user_regs_struct} of each register by its DWARF number. */
    private static final int[] INDEXES = {
        10, // rax
        12, // rdx
        11, // rcx
        5, // rbx
        13, // rsi
        14, // rdi
        4, // rbp
        19, // rsp
        9, // r8
        8, // r9
        7, // r10
        6, // r11
        3, // r12
        2, // r13
        1, // r14
        0, // r15
        16, // rip
    };

    private final Bytes desc;

    /**
     * @param desc the note's content
     * @throws org.backstitch.bytes.MalformedInputException if it is too short to hold the registers
     */
    public PrStatus(Bytes desc) {
        this.desc = desc;
        desc.check(0, REGISTERS_OFFSET + 27 * 8);
    }

    /** The signal that was being delivered; 0 for none, and in kernel dumps. */
    public int signal() {
        return desc.u16(SIGNAL_OFFSET);
    }

    /** The thread's id. In kernel dumps that of the CPU's current task (kdump), or the CPU's number plus 1 (QEMU). */
    public int pid() {
        return desc.i32(PID_OFFSET);
    }

    /**
     * The value of a register.
     *
     * @param register a DWARF number, {@link X86_64#RAX} to {@link X86_64#RIP}
     */
    public long register(int register) {
        return desc.i64(REGISTERS_OFFSET + 8L * INDEXES[register]);
    }

    /** All registers by their DWARF numbers. */
    public long[] registers() {
        long[] values = new long[X86_64.COUNT];
        for (int i = 0; i < values.length; i++) {
            values[i] = register(i);
        }
        return values;
    }

    /** The code segment selector; its low two bits are the privilege level, 3 for user mode. */
    public int codeSegment() {
        return desc.u16(REGISTERS_OFFSET + 8L * CS_INDEX);
    }

    /** The base address of the GS segment. */
    public long gsBase() {
        return desc.i64(REGISTERS_OFFSET + 8L * GS_BASE_INDEX);
    }
}
