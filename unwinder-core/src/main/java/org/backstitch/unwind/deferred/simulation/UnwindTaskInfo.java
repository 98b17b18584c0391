package org.backstitch.unwind.deferred.simulation;

import org.jspecify.annotations.Nullable;

/** Mainline: what a task knows about its late unwind ({@code struct unwind_task_info}). */
final class UnwindTaskInfo {
    /** The cookie of the entry; 0 if none was made. */
    long cookie;

    /** {@code unwind_mask}, the bit UNWIND_PENDING: a work is queued that has not begun. */
    boolean pending;

    /** {@code unwind_mask}, the bit of perf: it has asked in this entry. */
    boolean requested;

    /** {@code unwind_mask}, the bit UNWIND_USED: there is something in the cache. */
    boolean used;

    /** {@code unwind_cache}: the entry's user callchain, once it is known. */
    @Nullable
    UserChain cache;

    /** {@code unwind_cache->unwind_completed}: perf has had the callchain of this entry. */
    boolean completed;

    /** Between the two halves of {@code unwind_reset_info}: the mask was cleared. */
    boolean resetting;

    boolean isMaskZero() {
        return !pending && !requested && !used;
    }

    void clearMask() {
        pending = false;
        requested = false;
        used = false;
    }
}
