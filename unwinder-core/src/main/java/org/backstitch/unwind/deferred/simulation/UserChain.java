package org.backstitch.unwind.deferred.simulation;

import org.backstitch.unwind.StopReason;

/**
 * A user callchain, and of what: the task, its program, how many instructions it had executed, how often its registers had been rewritten.
 *
 * @param pcs the callchain, innermost first
 * @param stop why it ends
 * @param truth the true callchain at that moment
 */
record UserChain(
        int task, long program, long executed, int rewritten, Addresses pcs, StopReason stop, Addresses truth) {
    /** A callchain of what a task's user side is now. */
    static UserChain of(int task, UserContext user, Addresses pcs, StopReason stop) {
        return new UserChain(task, user.base(), user.executed(), user.rewritten(), pcs, stop, user.truth());
    }
}
