package org.backstitch.unwind.deferred.simulation;

import java.util.List;
import java.util.Objects;
import org.backstitch.unwind.StopReason;

/**
 * The proposal of 25 July 2017, step by step as its patch has it, faults included.
 *
 * <p>The work is a part of the event ({@code pending_callchain}), and is queued if its function is not set: one request can be pending
 * for an event, whatever task it came from. The interrupt sets the thread flag by itself, and hopes that somebody looks. The record
 * carries no cookie. Its unwinder is the interrupt's, {@code get_perf_callchain}, which has page faults disabled wherever it is called
 * from ({@code perf_callchain_user} in {@code arch/x86/events/core.c} of Linux 4.13): late as it is, it ends at an absent page.
 */
final class Rfc2017Policy implements DeferralPolicy {
    /** {@code do_exit} of Linux 4.13: the memory goes before the works are run, and the events last. */
    private static final List<KernelStep> EXIT_STEPS = List.of(
            KernelStep.EXIT_SIGNALS,
            KernelStep.EXIT_MM,
            KernelStep.EXIT_TASK_WORK,
            KernelStep.EXIT_EVENTS,
            KernelStep.EXIT_DEAD);

    private static final List<KernelStep> WORK_STEPS =
            List.of(KernelStep.WORK_UNWIND, KernelStep.WORK_OUTPUT, KernelStep.WORK_END);

    @Override
    public UserPart atSample(
            Sampling sampling, Task task, SampledEvent event, boolean maskable, boolean crossTask, int maxFrames) {
        if (!event.spec().defersCallchain() || crossTask) {
            return ImmediatePolicy.take(sampling, task, crossTask, maxFrames);
        }
        if (!event.isWorkPending()) {
            event.setWorkPending(true);
            // The result is not looked at: if the task takes no more works, the event believes for ever that one is
            // queued.
            sampling.addWork(task, new Task.Work(event));
            task.notifyResume = true;
        }
        return new UserPart.Asked(0);
    }

    @Override
    public List<KernelStep> stepsOfWork() {
        return WORK_STEPS;
    }

    @Override
    public void beginWork(Task task) {}

    @Override
    public boolean unwind(Sampling sampling, Task task, Task.Work work) {
        task.lateTime = sampling.machine().tick();
        if (task.hasUserMemory()) {
            task.lateChain = sampling.unwindWithoutFaults(task);
        } else {
            // perf_callchain_user stores the ip of the saved registers before it looks for an mm.
            UserContext user = task.userSide();
            task.lateChain = UserChain.of(task.number, user, Addresses.of(user.pc()), StopReason.NONE);
        }
        return true;
    }

    @Override
    public boolean output(Sampling sampling, Task task, Task.Work work) {
        SampledEvent event = Objects.requireNonNull(work.event());
        UserChain chain = Objects.requireNonNull(task.lateChain);
        // When there is no room, the function returns before it says that the work is done.
        return sampling.writeDeferred(task, event, task.lateTime, chain);
    }

    @Override
    public void endWork(Task.Work work) {
        Objects.requireNonNull(work.event()).setWorkPending(false);
    }

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
