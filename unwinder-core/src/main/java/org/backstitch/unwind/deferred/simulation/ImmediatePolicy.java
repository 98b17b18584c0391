package org.backstitch.unwind.deferred.simulation;

import java.util.List;

/** The old way: the user stack is unwound in the interrupt, which must not fault; at an absent page the callchain ends. */
final class ImmediatePolicy implements DeferralPolicy {
    /**
     * {@code do_exit} of Linux 6.19: the late part is made up for behind {@code perf_event_exit_task}, when the task's own events are
     * gone already.
     */
    static final List<KernelStep> EXIT_STEPS = List.of(
            KernelStep.EXIT_SIGNALS,
            KernelStep.EXIT_EVENTS,
            KernelStep.EXIT_UNWIND,
            KernelStep.EXIT_MM,
            KernelStep.EXIT_TASK_WORK,
            KernelStep.EXIT_DEAD);

    static UserPart take(Sampling sampling, Task task, boolean crossTask, int maxFrames) {
        if (!task.hasUserMemory() || crossTask) {
            return new UserPart.None();
        }
        return new UserPart.Taken(sampling.unwindInInterrupt(task, maxFrames));
    }

    @Override
    public UserPart atSample(
            Sampling sampling, Task task, SampledEvent event, boolean maskable, boolean crossTask, int maxFrames) {
        return take(sampling, task, crossTask, maxFrames);
    }

    @Override
    public List<KernelStep> stepsOfWork() {
        throw new IllegalStateException("nothing is ever queued");
    }

    @Override
    public void beginWork(Task task) {}

    @Override
    public boolean unwind(Sampling sampling, Task task, Task.Work work) {
        return true;
    }

    @Override
    public boolean output(Sampling sampling, Task task, Task.Work work) {
        return true;
    }

    @Override
    public void endWork(Task.Work work) {}

    @Override
    public void beforeReturn1(Task task) {}

    @Override
    public void beforeReturn2(Task task) {}

    @Override
    public List<KernelStep> exitSteps() {
        return EXIT_STEPS;
    }

    @Override
    public boolean owesAtExit(Task task) {
        return false;
    }
}
