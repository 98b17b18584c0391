package org.backstitch.unwind.deferred.simulation;

/**
 * One thing that happens to the machine: it stands still between actions. What cannot happen now (nothing runs on the CPU, the task is
 * gone) does nothing, so that any list of actions is a schedule, and any part of it too.
 */
public sealed interface Action {
    /** A CPU makes some steps: each one instruction in user mode, or one step of the kernel's; an idle CPU takes the next task. */
    record Run(int cpu, int steps) implements Action {}

    /**
     * A CPU runs until its task stands before a step of the kernel's, at most {@value #LIMIT} steps.
     *
     * @param step as {@link KernelStep} names it
     */
    record Until(int cpu, KernelStep step) implements Action {
        /** How many steps are made at most. */
        public static final int LIMIT = 400;
    }

    /** A non-maskable interrupt takes a sample on a CPU, wherever it stands. */
    record Nmi(int cpu) implements Action {}

    /** The timer's interrupt takes a sample on a CPU; it waits as long as interrupts are disabled there. */
    record Timer(int cpu) implements Action {}

    /** The scheduler wants another task on a CPU: the one there makes room when it next returns to user mode. */
    record Preempt(int cpu) implements Action {}

    /** A sleeping task is woken. Tasks are numbered from 0 in the order in which they came into being. */
    record Wake(int task) implements Action {}

    /** A task that waits for a CPU is moved to another one. */
    record Migrate(int task, int cpu) implements Action {}

    /** A task gets a signal, for which it has a handler. */
    record Signal(int task) implements Action {}

    /** A page of a task's stack is taken away, counted from the page that holds the innermost frame outwards. */
    record Evict(int task, int page) implements Action {}

    /** The recording program reads the buffer of a CPU. */
    record Drain(int cpu) implements Action {}

    /**
     * An event that follows one task takes a sample while another task runs, as tracepoints do: a cross-task sample.
     *
     * @param task that the event belongs to
     */
    record CrossTask(int cpu, int task) implements Action {}
}
