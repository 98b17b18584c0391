package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** What the kernel does for a task, step by step: system calls, interrupts, and the way back to user mode. */
final class KernelSteps {
    private final Machine machine;
    private final Sampling sampling;
    private final DeferralPolicy policy;
    private final List<String> programs = new ArrayList<>(List.of("program"));
    private long pageFaults;

    KernelSteps(Machine machine, Sampling sampling, DeferralPolicy policy) {
        this.machine = machine;
        this.sampling = sampling;
        this.policy = policy;
    }

    /** How many page faults were taken for the unwinder. */
    long pageFaults() {
        return pageFaults;
    }

    /** Takes a step of the task on a CPU. */
    void take(Cpu cpu, Task task, Task.Step step) {
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
                    machine.leaveCpu(task, Task.State.SLEEPING);
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
                sampling.interrupt(cpu, true);
                task.comeBack();
            }
            case IPI_HANDLER -> task.comeBack();
            case INTERRUPT_RETURN -> task.comeBack();
            case EXIT_CHECK -> exitCheck(task);
            case EXIT_WORK -> exitWork(task);
            case RESCHEDULE -> machine.leaveCpu(task, Task.State.RUNNABLE);
            case TASK_WORK -> taskWork(task, false);
            case WORK_BEGIN -> policy.beginWork(task);
            case WORK_UNWIND -> workUnwind(task, step);
            case PAGE_FAULT -> {
                task.userSide().memory().bringIn(step.address());
                pageFaults++;
                task.comeBack();
                task.comeBack();
                if (machine.config.faultsSleep()) {
                    machine.leaveCpu(task, Task.State.SLEEPING);
                }
            }
            case WORK_OUTPUT -> {
                task.comeBack();
                task.comeBack();
                if (!policy.output(sampling, task, Objects.requireNonNull(step.work()))) {
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
                Machine.write(cpu, new SimulatedRecord.Exit(machine.origin(task, cpu, 0)));
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
                machine.leaveCpu(task, Task.State.DEAD);
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
                if (machine.hasRoomForTask()) {
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
        Cpu cpu = machine.cpus.get(parent.cpu);
        Task child = machine.newTask(parent.name, parent.userSide().fork(script), parent.cpu);
        child.enterKernel(KernelFunction.RET_FROM_FORK);
        child.steps.add(Task.Step.of(KernelStep.FORK_RETURN));
        Machine.write(cpu, new SimulatedRecord.Fork(machine.origin(child, cpu, 0), parent.pid, parent.pid));
        cpu.queue.add(child);
    }

    private void exec(Cpu cpu, Task task, UserAction.Exec exec) {
        int program = programs.indexOf(exec.name());
        if (program < 0) {
            program = programs.size();
            programs.add(exec.name());
        }
        UserContext old = task.userSide();
        task.user = new UserContext(machine.system.image(), program, exec.script(), old);
        task.name = exec.name();
        Machine.write(cpu, new SimulatedRecord.Comm(machine.origin(task, cpu, 0), task.name, true));
        Machine.write(cpu, machine.mapping(task, cpu));
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
        if (!policy.unwind(sampling, task, Objects.requireNonNull(step.work()))) {
            task.interruptKernel(KernelFunction.ASM_EXC_PAGE_FAULT);
            task.call(KernelFunction.FAULT);
            first(task, new Task.Step(KernelStep.PAGE_FAULT, null, null, sampling.missedPage()), step);
        }
    }
}
