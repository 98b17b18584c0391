package org.backstitch.unwind.deferred.simulation;

import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * A deterministic simulated kernel that samples and unwinds.
 *
 * <p>The machine stands still between {@linkplain Action actions}. In an action a CPU makes steps, an interrupt falls, a task is woken;
 * the order of actions is the interleaving. What the kernel does is a sequence of {@linkplain KernelStep steps}, each atomic but for
 * the interrupts that may fall before and after it, as in a real kernel they may fall between any two instructions.
 *
 * <p>Three things are real: the tasks' code and stack, which are machine code of a small ELF file and what it does to memory; the
 * unwinders ({@code UserUnwinder} by that file's call frame information, {@code KernelUnwinder} by rules such as ORC tables compile
 * to); and the layout and size of the records. What is left out is time: steps are counted, not measured.
 *
 * {@snippet :
 * DeferredKernel kernel = new DeferredKernel(new SimulatedSystem(), config);
 * kernel.apply(new Action.Run(0, 20));
 * kernel.apply(new Action.Nmi(0));
 * SimulatedRecording recording = kernel.finish();
 * }
 *
 * <p>Not thread-safe.
 */
public final class DeferredKernel {
    /** The mark before the kernel part of a callchain ({@code PERF_CONTEXT_KERNEL}). */
    public static final long CONTEXT_KERNEL = -128;

    /** The mark before the user part of a callchain ({@code PERF_CONTEXT_USER}). */
    public static final long CONTEXT_USER = -512;

    /** The mark before the cookie of a user part that is to come ({@code PERF_CONTEXT_USER_DEFERRED}). */
    public static final long CONTEXT_USER_DEFERRED = -640;

    /** The id of the first task; task {@code n} has the id {@code FIRST_PID + n}. */
    public static final int FIRST_PID = 100;

    private final Machine machine;
    private final Sampling sampling;
    private final KernelSteps kernel;
    private boolean finished;

    /** A machine at its start: the tasks wait for their CPUs. */
    public DeferredKernel(SimulatedSystem system, MachineConfig config) {
        DeferralPolicy policy = DeferralPolicy.of(config.protocol());
        machine = new Machine(system, config);
        sampling = new Sampling(machine, policy);
        kernel = new KernelSteps(machine, sampling, policy);
    }

    /** How this machine samples and unwinds. */
    Sampling sampling() {
        return sampling;
    }

    /** Lets something happen. */
    public void apply(Action action) {
        if (finished) {
            throw new IllegalStateException("the recording has ended");
        }
        switch (action) {
            case Action.Run(int cpu, int steps) -> {
                for (int i = 0; i < steps; i++) {
                    step(cpu(cpu));
                }
            }
            case Action.Until(int cpu, KernelStep step) -> {
                for (int i = 0; i < Action.Until.LIMIT && nextStep(cpu(cpu)) != step; i++) {
                    step(cpu(cpu));
                }
            }
            case Action.Nmi(int cpu) -> sampling.interrupt(cpu(cpu), false);
            case Action.Timer(int cpu) -> cpu(cpu).timerPending = true;
            case Action.Preempt(int cpu) -> {
                cpu(cpu).current.needsReschedule = true;
                cpu(cpu).reschedulePending = true;
            }
            case Action.Wake(int number) -> {
                Task task = task(number);
                if (task != null && task.state == Task.State.SLEEPING) {
                    machine.wake(task);
                }
            }
            case Action.Migrate(int number, int cpu) -> {
                Task task = task(number);
                if (task != null && task.state == Task.State.RUNNABLE) {
                    machine.cpus.get(task.cpu).queue.remove(task);
                    task.cpu = cpu(cpu).number;
                    cpu(cpu).queue.add(task);
                }
            }
            case Action.Signal(int number) -> {
                Task task = task(number);
                if (task != null && task.state != Task.State.DEAD && !task.exiting) {
                    machine.signal(task);
                }
            }
            case Action.Evict(int number, int page) -> {
                Task task = task(number);
                if (task != null && task.hasUserMemory()) {
                    UserContext user = task.userSide();
                    user.memory().evict(user.register(X86_64.RSP) + page * UserMemory.PAGE_SIZE);
                }
            }
            case Action.Drain(int cpu) -> machine.drained.addAll(cpu(cpu).buffer.drain());
            case Action.CrossTask(int cpu, int number) -> {
                Task owner = task(number);
                if (owner != null && !owner.eventsGone) {
                    sampling.crossTaskSample(cpu(cpu), owner);
                }
            }
        }
    }

    /** A CPU; numbers beyond the last start over, so that any schedule fits any machine. */
    private Cpu cpu(int number) {
        return machine.cpus.get(Math.floorMod(number, machine.cpus.size()));
    }

    private @Nullable Task task(int number) {
        return number >= 0 && number < machine.tasks.size() ? machine.tasks.get(number) : null;
    }

    private static @Nullable KernelStep nextStep(Cpu cpu) {
        Task.Step step = cpu.current.steps.peek();
        return step == null ? null : step.kind();
    }

    /** The step of the kernel's that the task on a CPU stands before; null in user mode and on an idle CPU. */
    public @Nullable KernelStep standsBefore(int cpu) {
        return nextStep(cpu(cpu));
    }

    /** Whether nothing can happen on a CPU but an interrupt: no task waits for it. */
    public boolean isIdle(int cpu) {
        return cpu(cpu).current.isIdle() && cpu(cpu).queue.isEmpty();
    }

    /** How many tasks there are, and have been. */
    public int taskCount() {
        return machine.tasks.size();
    }

    /** Whether a task sleeps. */
    public boolean isSleeping(int task) {
        return machine.tasks.get(task).state == Task.State.SLEEPING;
    }

    /** Whether a task waits for a CPU. */
    public boolean isRunnable(int task) {
        return machine.tasks.get(task).state == Task.State.RUNNABLE;
    }

    /** Whether every task has exited. */
    public boolean allDead() {
        return machine.tasks.stream().allMatch(task -> task.state == Task.State.DEAD);
    }

    /** Ends the recording: the buffers are read for the last time; what was asked for and has not come never will. */
    public SimulatedRecording finish() {
        finished = true;
        for (Cpu cpu : machine.cpus) {
            machine.drained.addAll(cpu.buffer.drain());
        }
        return sampling.recording(kernel.pageFaults());
    }

    private void step(Cpu cpu) {
        machine.passStep();
        Task task = cpu.current;
        if (task.isIdle()) {
            if (cpu.timerPending) {
                cpu.timerPending = false;
                sampling.interrupt(cpu, true);
            } else if (!cpu.queue.isEmpty()) {
                cpu.current = cpu.queue.removeFirst();
                cpu.current.state = Task.State.RUNNING;
            }
            return;
        }
        if (task.isInterruptible() && takeInterrupt(cpu, task)) {
            return;
        }
        if (task.isInKernel()) {
            task.advance();
            kernel.take(cpu, task, task.steps.removeFirst());
        } else {
            UserAction wanted = task.userSide().step();
            if (wanted != null) {
                task.enterKernel(KernelFunction.ENTRY_SYSCALL_64);
                task.steps.add(Task.Step.of(KernelStep.SYSCALL_ENTRY, wanted));
            }
        }
    }

    /** Takes the most urgent interrupt that waits, if there is one. */
    private boolean takeInterrupt(Cpu cpu, Task task) {
        if (cpu.selfInterruptPending) {
            cpu.selfInterruptPending = false;
            enterInterrupt(task, KernelFunction.ASM_SYSVEC_IRQ_WORK, KernelStep.IPI_HANDLER);
        } else if (cpu.timerPending) {
            cpu.timerPending = false;
            enterInterrupt(task, KernelFunction.ASM_SYSVEC_APIC_TIMER_INTERRUPT, KernelStep.TIMER_HANDLER);
        } else if (cpu.reschedulePending) {
            cpu.reschedulePending = false;
            enterInterrupt(task, KernelFunction.ASM_SYSVEC_RESCHEDULE_IPI, KernelStep.IPI_HANDLER);
        } else {
            return false;
        }
        return true;
    }

    private static void enterInterrupt(Task task, KernelFunction entry, KernelStep handler) {
        if (task.isInKernel()) {
            task.interruptKernel(entry);
            task.steps.addFirst(Task.Step.of(KernelStep.INTERRUPT_RETURN));
        } else {
            task.enterKernel(entry);
            task.steps.addFirst(Task.Step.of(KernelStep.EXIT_CHECK));
        }
        task.call(handler == KernelStep.TIMER_HANDLER ? KernelFunction.INTERRUPT : KernelFunction.IRQ_WORK);
        task.steps.addFirst(Task.Step.of(handler));
    }
}
