package org.backstitch.unwind.deferred.simulation;

import java.util.List;

/** What the kernel does for the user part of callchains: one for each {@link Protocol}. */
sealed interface DeferralPolicy permits ImmediatePolicy, Rfc2017Policy, MainlinePolicy {
    /** The user part of a sample. */
    sealed interface UserPart {
        /** There is none. */
        record None() implements UserPart {}

        /** It was taken at once. */
        record Taken(UserChain chain) implements UserPart {}

        /**
         * It is to come later.
         *
         * @param cookie 0 where the protocol knows none
         */
        record Asked(long cookie) implements UserPart {}
    }

    /** The policy of a protocol. */
    static DeferralPolicy of(Protocol protocol) {
        return switch (protocol) {
            case IMMEDIATE -> new ImmediatePolicy();
            case RFC2017 -> new Rfc2017Policy();
            case MAINLINE -> new MainlinePolicy();
        };
    }

    /**
     * A sample is taken, in an interrupt.
     *
     * @param maskable whether the interrupt is an ordinary one
     * @param crossTask whether the event belongs to another task
     * @param maxFrames how many frames the user part may have
     */
    UserPart atSample(
            Sampling sampling, Task task, SampledEvent event, boolean maskable, boolean crossTask, int maxFrames);

    /** The steps of a work that was queued. */
    List<KernelStep> stepsOfWork();

    /** {@link KernelStep#WORK_BEGIN}. */
    void beginWork(Task task);

    /** {@link KernelStep#WORK_UNWIND}: one attempt; false if a page must be brought in first. */
    boolean unwind(Sampling sampling, Task task, Task.Work work);

    /** {@link KernelStep#WORK_OUTPUT}: false if the work ends here, without its last step. */
    boolean output(Sampling sampling, Task task, Task.Work work);

    /** {@link KernelStep#WORK_END}. */
    void endWork(Task.Work work);

    /** {@link KernelStep#RETURN_1}. */
    void beforeReturn1(Task task);

    /** {@link KernelStep#RETURN_2}. */
    void beforeReturn2(Task task);

    /** What a task does to exit, in this kernel's order. */
    List<KernelStep> exitSteps();

    /** {@link KernelStep#EXIT_UNWIND}: whether the late part is still owed; what was queued for it is taken back. */
    boolean owesAtExit(Task task);
}
