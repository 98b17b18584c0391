package org.backstitch.unwind.deferred.simulation;

/** The steps of the simulated kernel. A task in the kernel stands before one of them; an interrupt may fall between any two. */
public enum KernelStep {
    /** A system call has begun: the user's registers are saved, interrupts still disabled. */
    SYSCALL_ENTRY(false),
    /** What the system call does. */
    SYSCALL_BODY(true),
    /** The task gives up its CPU until it is woken. */
    SLEEP(true),
    /** It has been woken. */
    WOKEN(true),
    /** {@code execve}: the new program takes the place of the old one. */
    EXEC(true),
    /** {@code rt_sigreturn}: the registers that a signal interrupted come back. */
    SIGRETURN(true),
    /** The system call is done. */
    SYSCALL_RETURN(true),
    /** A child runs for the first time. */
    FORK_RETURN(true),
    /** The handler of an interrupt that takes a sample. */
    TIMER_HANDLER(false),
    /** The handler of an interrupt that a CPU sent to itself or to another one: to come here was its purpose. */
    IPI_HANDLER(false),
    /** An interrupt of the kernel is over. */
    INTERRUPT_RETURN(false),
    /** With interrupts disabled, the kernel looks whether there is work to do before the return to user mode. */
    EXIT_CHECK(false),
    /** There is: interrupts are enabled, and it is done. */
    EXIT_WORK(true),
    /** Another task gets the CPU. */
    RESCHEDULE(true),
    /** {@code task_work_run}. */
    TASK_WORK(true),
    /** A work begins. */
    WORK_BEGIN(true),
    /** The user stack is unwound. */
    WORK_UNWIND(true),
    /** A page that the unwinder wanted is brought in. */
    PAGE_FAULT(true),
    /** The late record is written. */
    WORK_OUTPUT(true),
    /** The work is over. */
    WORK_END(true),
    /** A signal's frame is put on the user stack. */
    SIGNAL_SETUP(true),
    /** The work before the return is done; back to the check. */
    EXIT_WORK_DONE(true),
    /** The check has passed: from here to the return, nobody looks for work any more. */
    RETURN_1(false),
    /** Still on the way back. */
    RETURN_2(false),
    /** The return to user mode itself. */
    IRET(false),
    /** The task begins to exit ({@code PF_EXITING}). */
    EXIT_SIGNALS(true),
    /** The task's events go: {@code PERF_RECORD_EXIT}. */
    EXIT_EVENTS(true),
    /** Linux 6.19: the late part that is still owed is taken now, while there is a stack. */
    EXIT_UNWIND(true),
    /** The task's memory goes. */
    EXIT_MM(true),
    /** The task's works are run for the last time; none can be added any more. */
    EXIT_TASK_WORK(true),
    /** The task leaves its CPU for good. */
    EXIT_DEAD(true);

    private final boolean interruptible;

    KernelStep(boolean interruptible) {
        this.interruptible = interruptible;
    }

    /** Whether interrupts are enabled before this step. (Non-maskable ones always are.) */
    public boolean isInterruptible() {
        return interruptible;
    }

    /** Whether a request made now comes too late for the check that precedes the return to user mode. */
    public boolean isInWindow() {
        return this == RETURN_1 || this == RETURN_2 || this == IRET;
    }
}
