package org.backstitch.unwind.deferred.simulation;

import java.util.List;
import java.util.Objects;
import org.backstitch.unwind.StopReason;

/**
 * Linux 6.19 and later ({@code kernel/unwind/deferred.c}): the work is a part of the task, each entry to the kernel has a cookie, and an
 * interrupt that cannot know whether somebody still looks sends another one to its own CPU.
 */
final class MainlinePolicy implements DeferralPolicy {
    /** {@code UNWIND_MAX_ENTRIES}: what fits a page, behind the head of {@code struct unwind_cache}. */
    static final int MAX_ENTRIES = (4096 - 16) / 8;

    private static final List<KernelStep> WORK_STEPS =
            List.of(KernelStep.WORK_BEGIN, KernelStep.WORK_UNWIND, KernelStep.WORK_OUTPUT);

    @Override
    public UserPart atSample(
            Sampling sampling, Task task, SampledEvent event, boolean maskable, boolean crossTask, int maxFrames) {
        boolean refused = task.isIdle() || task.exiting;
        if (!event.spec().defersCallchain() || crossTask || !task.hasUserMemory() || refused) {
            return ImmediatePolicy.take(sampling, task, crossTask, maxFrames);
        }
        UnwindTaskInfo info = task.unwindInfo;
        if (info.cookie == 0) {
            info.cookie = sampling.machine().nextCookie(task.cpu);
        }
        if (!info.requested) {
            boolean wasPending = info.pending;
            info.requested = true;
            info.pending = true;
            if (!wasPending) {
                sampling.addWork(task, new Task.Work(null));
                task.notifyResume = true;
                if (!maskable) {
                    sampling.machine().interruptSelf(task.cpu);
                }
            }
        }
        return new UserPart.Asked(info.cookie);
    }

    @Override
    public List<KernelStep> stepsOfWork() {
        return WORK_STEPS;
    }

    @Override
    public void beginWork(Task task) {
        task.unwindInfo.pending = false;
    }

    @Override
    public boolean unwind(Sampling sampling, Task task, Task.Work work) {
        UnwindTaskInfo info = task.unwindInfo;
        if (!task.hasUserMemory()) {
            UserContext user = task.userSide();
            task.lateChain = UserChain.of(task.number, user, Addresses.NONE, StopReason.NONE);
            return true;
        }
        if (info.cache == null) {
            UserChain chain = sampling.unwindWithFaults(task, MAX_ENTRIES);
            if (chain == null) {
                return false;
            }
            info.cache = chain;
            info.used = true;
        }
        task.lateChain = info.cache;
        return true;
    }

    @Override
    public boolean output(Sampling sampling, Task task, Task.Work work) {
        UnwindTaskInfo info = task.unwindInfo;
        if (info.requested && !info.completed) {
            sampling.writeDeferredToAll(task, info.cookie, Objects.requireNonNull(task.lateChain));
            info.completed = info.cache != null;
        }
        return true;
    }

    @Override
    public void endWork(Task.Work work) {}

    /** The first half of {@code unwind_reset_info}: the mask is cleared, unless a work is still to run. */
    @Override
    public void beforeReturn1(Task task) {
        UnwindTaskInfo info = task.unwindInfo;
        info.resetting = !info.isMaskZero() && !info.pending;
        if (info.resetting) {
            info.clearMask();
        }
    }

    /** The second half: the cookie and the cache are forgotten, whatever an interrupt between the two has asked for. */
    @Override
    public void beforeReturn2(Task task) {
        UnwindTaskInfo info = task.unwindInfo;
        if (info.resetting) {
            info.cookie = 0;
            info.cache = null;
            info.completed = false;
            info.resetting = false;
        }
    }

    @Override
    public List<KernelStep> exitSteps() {
        return ImmediatePolicy.EXIT_STEPS;
    }

    @Override
    public boolean owesAtExit(Task task) {
        if (task.unwindInfo.pending) {
            task.works.clear();
            return true;
        }
        return false;
    }
}
