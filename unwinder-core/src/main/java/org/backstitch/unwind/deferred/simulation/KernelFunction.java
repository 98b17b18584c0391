package org.backstitch.unwind.deferred.simulation;

import org.backstitch.unwind.KernelRules;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTable;
import org.backstitch.unwind.table.UnwindTableBuilder;

/** The text of the simulated kernel: functions, each with a frame of its own size. */
enum KernelFunction {
    ENTRY_SYSCALL_64("entry_SYSCALL_64", -1),
    ASM_SYSVEC_APIC_TIMER_INTERRUPT("asm_sysvec_apic_timer_interrupt", -1),
    ASM_SYSVEC_IRQ_WORK("asm_sysvec_irq_work", -1),
    ASM_SYSVEC_RESCHEDULE_IPI("asm_sysvec_reschedule_ipi", -1),
    ASM_EXC_PAGE_FAULT("asm_exc_page_fault", -1),
    RET_FROM_FORK("ret_from_fork_asm", -1),
    DO_SYSCALL_64("do_syscall_64", 40),
    SYSCALL("__x64_sys_getpid", 8),
    READ("__x64_sys_read", 56),
    FORK("__x64_sys_fork", 120),
    EXECVE("__x64_sys_execve", 168),
    RT_SIGRETURN("__x64_sys_rt_sigreturn", 24),
    EXIT("do_exit", 72),
    SCHEDULE("schedule", 32),
    INTERRUPT("sysvec_apic_timer_interrupt", 24),
    IRQ_WORK("sysvec_irq_work", 24),
    EXIT_TO_USER_MODE("exit_to_user_mode_loop", 48),
    SIGNAL("arch_do_signal_or_restart", 328),
    TASK_WORK("task_work_run", 24),
    UNWIND("unwind_user_faultable", 64),
    FAULT("exc_page_fault", 40);

    static final long TEXT = 0xffff_ffff_8100_0000L;
    static final int SIZE = 0x100;

    /** How far into a function its calls return to. */
    private static final int BODY = 0x20;

    /** The rules of the whole text, as a real kernel's ORC table has them after compiling. */
    static final KernelRules RULES = rules();

    private final String symbol;
    private final int frameSize;

    KernelFunction(String symbol, int frameSize) {
        this.symbol = symbol;
        this.frameSize = frameSize;
    }

    String symbol() {
        return symbol;
    }

    /** Where user mode, or the code that was interrupted, left its registers is where the function's stack pointer is. */
    boolean isEntry() {
        return frameSize < 0;
    }

    /** Bytes below the return address. */
    int frameSize() {
        return frameSize;
    }

    long start() {
        return TEXT + (long) SIZE * ordinal();
    }

    long body() {
        return start() + BODY;
    }

    private static KernelRules rules() {
        UnwindTableBuilder builder = new UnwindTableBuilder();
        for (KernelFunction function : values()) {
            long rule = function.isEntry()
                    ? UnwindRule.of(
                            UnwindRule.REGISTERS,
                            X86_64.RSP,
                            0,
                            UnwindRule.RBP_SAME,
                            0,
                            0,
                            UnwindRule.EXACT_CALLER)
                    : UnwindRule.of(
                            UnwindRule.CALL,
                            X86_64.RSP,
                            function.frameSize + (long) Long.BYTES,
                            UnwindRule.RBP_SAME,
                            0,
                            0,
                            0);
            builder.addRow(function.start(), rule, SavedRegisters.SAME, null);
        }
        UnwindTable table = builder.addGap(TEXT + (long) values().length * SIZE).build();
        return table::rule;
    }
}
