package org.backstitch.unwind.deferred.simulation;

import org.backstitch.unwind.KernelRules;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindRule;
import org.backstitch.unwind.table.UnwindTable;
import org.backstitch.unwind.table.UnwindTableBuilder;

/** The text of the simulated kernel: functions, each with a frame of its own size. */
enum KernelFunction {
    ENTRY_SYSCALL_64(0, "entry_SYSCALL_64", KernelFunction.REGISTERS),
    ASM_SYSVEC_APIC_TIMER_INTERRUPT(1, "asm_sysvec_apic_timer_interrupt", KernelFunction.REGISTERS),
    ASM_SYSVEC_IRQ_WORK(2, "asm_sysvec_irq_work", KernelFunction.REGISTERS),
    ASM_SYSVEC_RESCHEDULE_IPI(3, "asm_sysvec_reschedule_ipi", KernelFunction.REGISTERS),
    ASM_EXC_PAGE_FAULT(4, "asm_exc_page_fault", KernelFunction.REGISTERS),
    RET_FROM_FORK(5, "ret_from_fork_asm", KernelFunction.REGISTERS),
    SECONDARY_STARTUP(6, "secondary_startup_64", KernelFunction.OUTERMOST),
    DO_IDLE(7, "do_idle", 40),
    DO_SYSCALL_64(8, "do_syscall_64", 40),
    SYSCALL(9, "__x64_sys_getpid", 8),
    READ(10, "__x64_sys_read", 56),
    FORK(11, "__x64_sys_fork", 120),
    EXECVE(12, "__x64_sys_execve", 168),
    RT_SIGRETURN(13, "__x64_sys_rt_sigreturn", 24),
    EXIT(14, "do_exit", 72),
    SCHEDULE(15, "schedule", 32),
    INTERRUPT(16, "sysvec_apic_timer_interrupt", 24),
    IRQ_WORK(17, "sysvec_irq_work", 24),
    EXIT_TO_USER_MODE(18, "exit_to_user_mode_loop", 48),
    SIGNAL(19, "arch_do_signal_or_restart", 328),
    TASK_WORK(20, "task_work_run", 24),
    UNWIND(21, "unwind_user_faultable", 64),
    FAULT(22, "exc_page_fault", 40);

    /** Stands for the frame size of a function whose stack pointer stands at saved registers. */
    private static final int REGISTERS = -1;

    /** Stands for the frame size of a function that nobody called. */
    private static final int OUTERMOST = -2;

    static final long TEXT = 0xffff_ffff_8100_0000L;
    static final int SIZE = 0x100;

    /** How far into a function its calls return to. */
    private static final int BODY = 0x20;

    /** The rules of the whole text, as a real kernel's ORC table has them after compiling. */
    static final KernelRules RULES = rules();

    private final int place;
    private final String symbol;
    private final int frameSize;

    KernelFunction(int place, String symbol, int frameSize) {
        this.place = place;
        this.symbol = symbol;
        this.frameSize = frameSize;
    }

    String symbol() {
        return symbol;
    }

    /** Where user mode, or the code that was interrupted, left its registers is where the function's stack pointer is. */
    boolean isEntry() {
        return frameSize == REGISTERS;
    }

    /** Bytes below the return address. */
    int frameSize() {
        return frameSize;
    }

    long start() {
        return TEXT + (long) SIZE * place;
    }

    long body() {
        return start() + BODY;
    }

    private static KernelRules rules() {
        UnwindTableBuilder builder = new UnwindTableBuilder();
        for (KernelFunction function : values()) {
            long rule = switch (function.frameSize) {
                case REGISTERS ->
                    UnwindRule.of(
                            UnwindRule.REGISTERS, X86_64.RSP, 0, UnwindRule.RBP_SAME, 0, 0, UnwindRule.EXACT_CALLER);
                case OUTERMOST -> UnwindRule.of(UnwindRule.END);
                default ->
                    UnwindRule.of(
                            UnwindRule.CALL,
                            X86_64.RSP,
                            function.frameSize + (long) Long.BYTES,
                            UnwindRule.RBP_SAME,
                            0,
                            0,
                            0);
            };
            builder.addRow(function.start(), rule, SavedRegisters.SAME, null);
        }
        UnwindTable table = builder.addGap(TEXT + (long) values().length * SIZE).build();
        return table::rule;
    }
}
