package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.backstitch.unwind.KernelStack;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Cookie;
import org.backstitch.unwind.deferred.simulation.DeferralPolicy.UserPart;
import org.backstitch.unwind.machine.PtRegs;
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

    private static final int MAX_TASKS = 1000;

    /** Idle tasks are numbered from here, one for each CPU. */
    private static final int IDLE_TASKS = MAX_TASKS;

    private static final int NANOSECONDS_PER_STEP = 100;

    private final SimulatedSystem system;
    private final MachineConfig config;
    private final DeferralPolicy policy;
    private final KernelStackMemory kernelMemory = new KernelStackMemory();
    private final List<Cpu> cpus = new ArrayList<>();
    private final List<Task> tasks = new ArrayList<>();
    private final List<SimulatedRecord> drained = new ArrayList<>();
    private final List<Truth.OfSample> sampleTruths = new ArrayList<>();
    private final List<Truth.OfRecord> lateTruths = new ArrayList<>();
    private final List<String> programs = new ArrayList<>();
    private long clock = 1_000_000_000L;
    private boolean inInterrupt;
    private boolean finished;
    private long missedPage;
    private long unwindsInInterrupt;
    private long unwindsLate;
    private long pageFaults;
    private long selfInterrupts;
    private long foreignWrites;
    private long refusedWorks;

    private static final class Cpu {
        final int number;
        final Task idle;
        final RingBuffer buffer;
        final List<SampledEvent> events = new ArrayList<>();
        final Deque<Task> queue = new ArrayDeque<>();
        Task current;
        long cookiesMade;

        // Interrupts that wait until they are enabled.
        boolean selfInterruptPending;
        boolean timerPending;
        boolean reschedulePending;

        Cpu(int number, Task idle, int bufferBytes) {
            this.number = number;
            this.idle = idle;
            this.current = idle;
            this.buffer = new RingBuffer(bufferBytes);
        }
    }

    /** A machine at its start: the tasks wait for their CPUs. */
    public DeferredKernel(SimulatedSystem system, MachineConfig config) {
        this.system = system;
        this.config = config;
        this.policy = DeferralPolicy.of(config.protocol());
        for (int number = 0; number < config.cpus(); number++) {
            Task idle = new Task(IDLE_TASKS + number, 0, "swapper", null, kernelMemory);
            idle.cpu = number;
            idle.standIdle();
            Cpu cpu = new Cpu(number, idle, config.bufferBytes());
            for (int event = 0; event < config.events().size(); event++) {
                EventSpec spec = config.events().get(event);
                if (!spec.perTask()) {
                    cpu.events.add(new SampledEvent(spec, event, number));
                }
            }
            cpus.add(cpu);
        }
        programs.add("program");
        for (List<UserAction> script : config.tasks()) {
            Task task = newTask("program", new UserContext(system.image(), 0, script), tasks.size() % config.cpus());
            Cpu cpu = cpus.get(task.cpu);
            drained.add(new SimulatedRecord.Comm(origin(task, cpu, 0), task.name, false));
            drained.add(mapping(task, cpu));
            cpu.queue.add(task);
        }
    }

    private Task newTask(String name, UserContext user, int cpu) {
        if (tasks.size() == MAX_TASKS) {
            throw new IllegalStateException("more than " + MAX_TASKS + " tasks");
        }
        Task task = new Task(tasks.size(), FIRST_PID + tasks.size(), name, user, kernelMemory);
        task.cpu = cpu;
        tasks.add(task);
        return task;
    }

    private SimulatedRecord mapping(Task task, Cpu cpu) {
        return new SimulatedRecord.Mmap(
                origin(task, cpu, 0),
                task.userSide().base() + UserImage.textOffset(),
                system.image().textSize(),
                UserImage.textOffset(),
                "/simulated/" + task.name);
    }

    // ---------------------------------------------------------------- actions

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
            case Action.Nmi(int cpu) -> interrupt(cpu(cpu), false);
            case Action.Timer(int cpu) -> cpu(cpu).timerPending = true;
            case Action.Preempt(int cpu) -> {
                cpu(cpu).current.needsReschedule = true;
                cpu(cpu).reschedulePending = true;
            }
            case Action.Wake(int number) -> {
                Task task = task(number);
                if (task != null && task.state == Task.State.SLEEPING) {
                    wake(task);
                }
            }
            case Action.Migrate(int number, int cpu) -> {
                Task task = task(number);
                if (task != null && task.state == Task.State.RUNNABLE) {
                    cpus.get(task.cpu).queue.remove(task);
                    task.cpu = cpu(cpu).number;
                    cpu(cpu).queue.add(task);
                }
            }
            case Action.Signal(int number) -> {
                Task task = task(number);
                if (task != null && task.state != Task.State.DEAD && !task.exiting) {
                    signal(task);
                }
            }
            case Action.Evict(int number, int page) -> {
                Task task = task(number);
                if (task != null && task.hasUserMemory()) {
                    UserContext user = task.userSide();
                    user.memory().evict(user.register(X86_64.RSP) + page * UserMemory.PAGE_SIZE);
                }
            }
            case Action.Drain(int cpu) -> drained.addAll(cpu(cpu).buffer.drain());
            case Action.CrossTask(int cpu, int number) -> {
                Task owner = task(number);
                if (owner != null && !owner.eventsGone) {
                    crossTaskSample(cpu(cpu), owner);
                }
            }
        }
    }

    /** A CPU; numbers beyond the last start over, so that any schedule fits any machine. */
    private Cpu cpu(int number) {
        return cpus.get(Math.floorMod(number, cpus.size()));
    }

    private @Nullable Task task(int number) {
        return number >= 0 && number < tasks.size() ? tasks.get(number) : null;
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
        return tasks.size();
    }

    /** Whether a task sleeps. */
    public boolean isSleeping(int task) {
        return tasks.get(task).state == Task.State.SLEEPING;
    }

    /** Whether a task waits for a CPU. */
    public boolean isRunnable(int task) {
        return tasks.get(task).state == Task.State.RUNNABLE;
    }

    /** Whether every task has exited. */
    public boolean allDead() {
        return tasks.stream().allMatch(task -> task.state == Task.State.DEAD);
    }

    /** Ends the recording: the buffers are read for the last time; what was asked for and has not come never will. */
    public SimulatedRecording finish() {
        finished = true;
        long lost = 0;
        long bytes = 0;
        for (Cpu cpu : cpus) {
            drained.addAll(cpu.buffer.drain());
            lost += cpu.buffer.lost();
            bytes += cpu.buffer.bytesWritten();
        }
        RunCounts counts = new RunCounts(
                sampleTruths.size(),
                unwindsInInterrupt,
                unwindsLate,
                pageFaults,
                lost,
                bytes,
                selfInterrupts,
                foreignWrites,
                refusedWorks);
        return new SimulatedRecording(config, drained, sampleTruths, lateTruths, counts);
    }

    // ---------------------------------------------------------------- the CPU

    private void step(Cpu cpu) {
        clock += NANOSECONDS_PER_STEP;
        Task task = cpu.current;
        if (task.isIdle()) {
            if (cpu.timerPending) {
                cpu.timerPending = false;
                interrupt(cpu, true);
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
            kernelStep(cpu, task, task.steps.removeFirst());
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

    private void leaveCpu(Task task, Task.State state) {
        Cpu cpu = cpus.get(task.cpu);
        task.state = state;
        cpu.current = cpu.idle;
        if (state == Task.State.RUNNABLE) {
            cpu.queue.add(task);
        }
    }

    private void wake(Task task) {
        task.state = Task.State.RUNNABLE;
        cpus.get(task.cpu).queue.add(task);
    }

    private void signal(Task task) {
        task.signalPending = true;
        if (task.state == Task.State.SLEEPING) {
            wake(task);
        } else if (task.state == Task.State.RUNNING) {
            cpus.get(task.cpu).reschedulePending = true;
        }
    }

    // ---------------------------------------------------------------- the kernel's steps

    private void kernelStep(Cpu cpu, Task task, Task.Step step) {
        switch (step.kind()) {
            case SYSCALL_ENTRY -> {
                task.call(KernelFunction.DO_SYSCALL_64);
                UserAction action = Objects.requireNonNull(step.action());
                task.call(functionOf(action));
                first(task, Task.Step.of(KernelStep.SYSCALL_BODY, action), Task.Step.of(KernelStep.SYSCALL_RETURN));
            }
            case SYSCALL_BODY -> systemCall(task, Objects.requireNonNull(step.action()));
            case SLEEP -> {
                if (!task.signalPending) {
                    leaveCpu(task, Task.State.SLEEPING);
                }
            }
            case WOKEN -> task.comeBack();
            case EXEC -> exec(cpu, task, (UserAction.Exec) Objects.requireNonNull(step.action()));
            case SIGRETURN -> task.userSide().returnFromSignal();
            case SYSCALL_RETURN -> {
                task.comeBack();
                first(task, Task.Step.of(KernelStep.EXIT_CHECK));
            }
            case FORK_RETURN -> first(task, Task.Step.of(KernelStep.EXIT_CHECK));
            case TIMER_HANDLER -> {
                interrupt(cpu, true);
                task.comeBack();
            }
            case IPI_HANDLER -> task.comeBack();
            case INTERRUPT_RETURN -> task.comeBack();
            case EXIT_CHECK -> exitCheck(task);
            case EXIT_WORK -> exitWork(task);
            case RESCHEDULE -> leaveCpu(task, Task.State.RUNNABLE);
            case TASK_WORK -> taskWork(task, false);
            case WORK_BEGIN -> policy.beginWork(task);
            case WORK_UNWIND -> workUnwind(task, step);
            case PAGE_FAULT -> {
                task.userSide().memory().bringIn(step.address());
                pageFaults++;
                task.comeBack();
                task.comeBack();
                if (config.faultsSleep()) {
                    leaveCpu(task, Task.State.SLEEPING);
                }
            }
            case WORK_OUTPUT -> {
                task.comeBack();
                task.comeBack();
                if (!policy.output(this, task, Objects.requireNonNull(step.work()))) {
                    Task.Step end = task.steps.peek();
                    if (end != null && end.kind() == KernelStep.WORK_END) {
                        task.steps.removeFirst();
                    }
                }
            }
            case WORK_END -> policy.endWork(Objects.requireNonNull(step.work()));
            case SIGNAL_SETUP -> {
                if (task.userSide().hasRoomForSignal()) {
                    task.userSide().setUpSignal();
                }
                task.comeBack();
            }
            case EXIT_WORK_DONE -> task.comeBack();
            case RETURN_1 -> policy.beforeReturn1(task);
            case RETURN_2 -> policy.beforeReturn2(task);
            case IRET -> {}
            case EXIT_SIGNALS -> task.exiting = true;
            case EXIT_UNWIND -> {
                if (policy.owesAtExit(task)) {
                    queueWork(task, new Task.Work(null));
                }
            }
            case EXIT_EVENTS -> {
                task.eventsGone = true;
                write(cpu, new SimulatedRecord.Exit(origin(task, cpu, 0)));
            }
            case EXIT_MM -> task.memoryGone = true;
            case EXIT_TASK_WORK -> {
                if (task.works.isEmpty()) {
                    task.worksClosed = true;
                } else {
                    first(task, Task.Step.of(KernelStep.EXIT_TASK_WORK));
                    taskWork(task, true);
                }
            }
            case EXIT_DEAD -> {
                task.steps.clear();
                leaveCpu(task, Task.State.DEAD);
            }
        }
    }

    /** Puts steps before all others, in this order. */
    private static void first(Task task, Task.Step... steps) {
        for (int i = steps.length - 1; i >= 0; i--) {
            task.steps.addFirst(steps[i]);
        }
    }

    private static KernelFunction functionOf(UserAction action) {
        return switch (action) {
            case UserAction.Sleep _ -> KernelFunction.READ;
            case UserAction.Fork _ -> KernelFunction.FORK;
            case UserAction.Exec _ -> KernelFunction.EXECVE;
            case UserAction.Exit _ -> KernelFunction.EXIT;
            case UserAction.Return _ -> KernelFunction.RT_SIGRETURN;
            case UserAction.SystemCall _, UserAction.Work _, UserAction.Call _ -> KernelFunction.SYSCALL;
        };
    }

    private void systemCall(Task task, UserAction action) {
        switch (action) {
            case UserAction.Sleep() -> {
                task.call(KernelFunction.SCHEDULE);
                first(task, Task.Step.of(KernelStep.SLEEP), Task.Step.of(KernelStep.WOKEN));
            }
            case UserAction.Fork(List<UserAction> child) -> {
                if (tasks.size() < MAX_TASKS) {
                    fork(task, child);
                }
            }
            case UserAction.Exec exec -> first(task, Task.Step.of(KernelStep.EXEC, exec));
            case UserAction.Exit() -> {
                task.steps.clear();
                for (KernelStep kind : policy.exitSteps()) {
                    task.steps.add(Task.Step.of(kind));
                }
            }
            case UserAction.Return() -> first(task, Task.Step.of(KernelStep.SIGRETURN));
            case UserAction.SystemCall _, UserAction.Work _, UserAction.Call _ -> {}
        }
    }

    private void fork(Task parent, List<UserAction> script) {
        Cpu cpu = cpus.get(parent.cpu);
        Task child = newTask(parent.name, parent.userSide().fork(script), parent.cpu);
        child.enterKernel(KernelFunction.RET_FROM_FORK);
        child.steps.add(Task.Step.of(KernelStep.FORK_RETURN));
        write(cpu, new SimulatedRecord.Fork(origin(child, cpu, 0), parent.pid, parent.pid));
        cpu.queue.add(child);
    }

    private void exec(Cpu cpu, Task task, UserAction.Exec exec) {
        int program = programs.indexOf(exec.name());
        if (program < 0) {
            program = programs.size();
            programs.add(exec.name());
        }
        UserContext old = task.userSide();
        task.user = new UserContext(system.image(), program, exec.script(), old);
        task.name = exec.name();
        write(cpu, new SimulatedRecord.Comm(origin(task, cpu, 0), task.name, true));
        write(cpu, mapping(task, cpu));
    }

    /** {@code exit_to_user_mode_prepare}: the last look at the flags. */
    private static void exitCheck(Task task) {
        if (task.needsReschedule || task.signalPending || task.notifyResume) {
            task.call(KernelFunction.EXIT_TO_USER_MODE);
            first(task, Task.Step.of(KernelStep.EXIT_WORK));
        } else {
            first(
                    task,
                    Task.Step.of(KernelStep.RETURN_1),
                    Task.Step.of(KernelStep.RETURN_2),
                    Task.Step.of(KernelStep.IRET));
        }
    }

    /** {@code exit_to_user_mode_loop}, one turn: another task first, then signals, then works. */
    private static void exitWork(Task task) {
        List<Task.Step> steps = new ArrayList<>();
        if (task.needsReschedule) {
            task.needsReschedule = false;
            first(task, Task.Step.of(KernelStep.RESCHEDULE), Task.Step.of(KernelStep.EXIT_WORK));
            return;
        }
        if (task.signalPending) {
            // get_signal runs the works before it looks for a signal: they still see the stack without its frame.
            task.signalPending = false;
            task.call(KernelFunction.SIGNAL);
            steps.add(Task.Step.of(KernelStep.TASK_WORK));
            steps.add(Task.Step.of(KernelStep.SIGNAL_SETUP));
        }
        if (task.notifyResume) {
            task.notifyResume = false;
            steps.add(Task.Step.of(KernelStep.TASK_WORK));
        }
        steps.add(Task.Step.of(KernelStep.EXIT_WORK_DONE));
        steps.add(Task.Step.of(KernelStep.EXIT_CHECK));
        first(task, steps.toArray(Task.Step[]::new));
    }

    /** {@code task_work_run}: until there is none left. */
    private void taskWork(Task task, boolean once) {
        Task.Work work = task.works.pollFirst();
        if (work != null) {
            if (!once) {
                first(task, Task.Step.of(KernelStep.TASK_WORK));
            }
            queueWork(task, work);
        }
    }

    private void queueWork(Task task, Task.Work work) {
        Task.Step[] steps = policy.stepsOfWork().stream()
                .map(kind -> Task.Step.of(kind, work))
                .toArray(Task.Step[]::new);
        task.call(KernelFunction.TASK_WORK);
        task.call(KernelFunction.UNWIND);
        first(task, steps);
    }

    private void workUnwind(Task task, Task.Step step) {
        if (!policy.unwind(this, task, Objects.requireNonNull(step.work()))) {
            task.interruptKernel(KernelFunction.ASM_EXC_PAGE_FAULT);
            task.call(KernelFunction.FAULT);
            first(task, new Task.Step(KernelStep.PAGE_FAULT, null, null, missedPage), step);
        }
    }

    // ---------------------------------------------------------------- samples

    /** An interrupt samples every event of a CPU; an ordinary one is asked what it interrupted, not where its handler stands. */
    private void interrupt(Cpu cpu, boolean maskable) {
        Task task = cpu.current;
        inInterrupt(() -> {
            for (int number = 0; number < config.events().size(); number++) {
                EventSpec spec = config.events().get(number);
                if (!spec.perTask()) {
                    sample(cpu, task, cpuEvent(cpu, number), maskable, false);
                } else if (!task.isIdle() && !task.eventsGone) {
                    sample(cpu, task, task.event(spec, number, cpu.number), maskable, false);
                }
            }
        });
    }

    /** Does something where no fault is allowed. */
    void inInterrupt(Runnable handler) {
        inInterrupt = true;
        try {
            handler.run();
        } finally {
            inInterrupt = false;
        }
    }

    private static SampledEvent cpuEvent(Cpu cpu, int number) {
        for (SampledEvent event : cpu.events) {
            if (event.number() == number) {
                return event;
            }
        }
        throw new IllegalArgumentException("no event " + number);
    }

    private void crossTaskSample(Cpu cpu, Task owner) {
        inInterrupt(() -> {
            for (int number = 0; number < config.events().size(); number++) {
                EventSpec spec = config.events().get(number);
                if (spec.perTask()) {
                    sample(cpu, cpu.current, owner.event(spec, number, cpu.number), false, owner != cpu.current);
                }
            }
        });
    }

    private void sample(Cpu cpu, Task task, SampledEvent event, boolean maskable, boolean crossTask) {
        Addresses kernelPcs = walkKernel(cpu, task, maskable).first(config.maxStack());
        Addresses kernelTruth = task.kernelTruth(maskable);
        int room = config.maxStack() - kernelPcs.size();
        UserPart user = policy.atSample(this, task, event, maskable, crossTask, room);
        long[] chain = new long[kernelPcs.size() + room + 3];
        int length = 0;
        if (kernelPcs.size() > 0) {
            chain[length++] = CONTEXT_KERNEL;
            for (int i = 0; i < kernelPcs.size(); i++) {
                chain[length++] = kernelPcs.get(i);
            }
        }
        long cookie = 0;
        switch (user) {
            case UserPart.None() -> {}
            case UserPart.Taken(UserChain taken) -> {
                chain[length++] = CONTEXT_USER;
                for (int i = 0; i < taken.pcs().size(); i++) {
                    chain[length++] = taken.pcs().get(i);
                }
            }
            case UserPart.Asked(long name) -> {
                cookie = name;
                if (name != 0) {
                    chain[length++] = CONTEXT_USER_DEFERRED;
                    chain[length++] = name;
                }
            }
        }
        boolean kernelMode = kernelTruth.size() > 0;
        SimulatedRecord.Sample sample = new SimulatedRecord.Sample(
                origin(task, cpu, event.number()),
                sampleTruths.size(),
                kernelMode ? kernelTruth.get(0) : task.userSide().pc(),
                kernelMode,
                Addresses.copyOf(chain, length),
                user instanceof UserPart.Asked,
                cookie);
        boolean written = write(cpu, sample);
        boolean hasUser = task.hasUserMemory() && !crossTask;
        sampleTruths.add(new Truth.OfSample(
                sample.number(),
                task.number,
                task.pid,
                sample.origin().time(),
                hasUser ? task.userSide().base() : 0,
                hasUser ? task.userSide().executed() : 0,
                hasUser ? task.userSide().rewritten() : 0,
                hasUser ? task.userSide().truth() : Addresses.NONE,
                kernelTruth,
                task.interruptedStep(maskable),
                written));
    }

    /** The kernel part, by the real unwinder; empty if user mode was interrupted. */
    private Addresses walkKernel(Cpu cpu, Task task, boolean maskable) {
        if (!task.isInKernel()) {
            return Addresses.NONE;
        }
        long registersAddress;
        if (maskable && !task.isIdle()) {
            registersAddress = task.interruptedRegisters();
        } else {
            registersAddress = KernelStackMemory.topOfCpu(cpu.number) - PtRegs.SIZE;
            task.saveKernelRegisters(registersAddress);
        }
        long taskTop = KernelStackMemory.topOfTask(task.number);
        long cpuTop = KernelStackMemory.topOfCpu(cpu.number);
        KernelStacks stacks = KernelStacks.of(
                        List.of(new KernelStack("nmi", cpuTop - KernelStackMemory.STACK_SIZE, cpuTop)))
                .withTask(taskTop - KernelStackMemory.STACK_SIZE, taskTop);
        return system.unwindKernel(kernelMemory, registersAddress, stacks);
    }

    private SimulatedRecord.Origin origin(Task task, Cpu cpu, int event) {
        return new SimulatedRecord.Origin(tick(), cpu.number, task.pid, task.pid, event);
    }

    private boolean write(Cpu cpu, SimulatedRecord record) {
        return cpu.buffer.write(record);
    }

    // ---------------------------------------------------------------- what policies need

    /** A time later than any before. */
    long tick() {
        return ++clock;
    }

    long nextCookie(int cpu) {
        return Cookie.of(cpus.get(cpu).cookiesMade++, cpu);
    }

    /** {@code task_work_add}: false if the task takes no more. */
    boolean addWork(Task task, Task.Work work) {
        if (task.worksClosed) {
            refusedWorks++;
            return false;
        }
        task.works.add(work);
        return true;
    }

    /** An interrupt that the CPU sends to itself, taken as soon as interrupts are enabled. */
    void interruptSelf(int cpu) {
        cpus.get(cpu).selfInterruptPending = true;
        selfInterrupts++;
    }

    /** A user stack as an interrupt sees it: what is absent stays so. */
    UserChain unwindInInterrupt(Task task, int maxFrames) {
        if (!inInterrupt) {
            throw new IllegalStateException("not in an interrupt");
        }
        unwindsInInterrupt++;
        UserContext user = task.userSide();
        if (maxFrames < 1) {
            return UserChain.of(task.number, user, Addresses.NONE, StopReason.MAX_STACK);
        }
        return system.unwind(task.number, user, user.memory().window(), maxFrames);
    }

    /** A user stack at the return to user mode, by code that has page faults disabled all the same. */
    UserChain unwindWithoutFaults(Task task) {
        checkMayFault();
        unwindsLate++;
        UserContext user = task.userSide();
        return system.unwind(task.number, user, user.memory().window(), config.maxStack());
    }

    /** A user stack where faults are allowed: null if a page was absent, which must be brought in before the next attempt. */
    @Nullable
    UserChain unwindWithFaults(Task task, int maxFrames) {
        checkMayFault();
        UserContext user = task.userSide();
        UserMemory.Window window = user.memory().window();
        UserChain chain = system.unwind(task.number, user, window, maxFrames);
        if (window.missed() != 0) {
            missedPage = window.missed();
            return null;
        }
        unwindsLate++;
        return chain;
    }

    private void checkMayFault() {
        if (inInterrupt) {
            throw new IllegalStateException("a fault in an interrupt that must not fault");
        }
    }

    /** Writes a late record in the name of an event, to that event's buffer; false if there is no room. */
    boolean writeDeferred(Task task, SampledEvent event, long time, UserChain chain) {
        long[] pcs = new long[Math.min(chain.pcs().size(), config.maxStack()) + 1];
        pcs[0] = CONTEXT_USER;
        for (int i = 1; i < pcs.length; i++) {
            pcs[i] = chain.pcs().get(i - 1);
        }
        if (event.cpu() != task.cpu) {
            foreignWrites++;
        }
        SimulatedRecord.Origin origin = new SimulatedRecord.Origin(time, task.cpu, task.pid, task.pid, event.number());
        return writeLate(cpus.get(event.cpu()), origin, false, 0, Addresses.of(pcs), chain);
    }

    /** Writes a late record in the name of every event that wants it, to the buffer of the CPU that the task is on. */
    void writeDeferredToAll(Task task, long cookie, UserChain chain) {
        Cpu cpu = cpus.get(task.cpu);
        for (int number = 0; number < config.events().size(); number++) {
            EventSpec spec = config.events().get(number);
            if (spec.outputsDeferred() && !(spec.perTask() && task.eventsGone)) {
                writeLate(cpu, origin(task, cpu, number), true, cookie, chain.pcs(), chain);
            }
        }
    }

    private boolean writeLate(
            Cpu cpu,
            SimulatedRecord.Origin origin,
            boolean hasCookie,
            long cookie,
            Addresses written,
            UserChain chain) {
        SimulatedRecord.Deferred late =
                new SimulatedRecord.Deferred(origin, lateTruths.size(), hasCookie, cookie, written);
        lateTruths.add(new Truth.OfRecord(
                late.number(), chain.task(), chain.program(), chain.executed(), chain.rewritten(), chain.truth()));
        return write(cpu, late);
    }
}
