package org.backstitch.unwind.deferred.simulation;

/**
 * An event as {@code perf record} opens it: on every CPU, and either for whatever runs there or for each task by itself.
 *
 * @param perTask whether each task has its own event on each CPU (as inherited events are), rather than all sharing one
 * @param defersCallchain whether the user part of callchains may come later ({@code defer_callchain}, {@code delayed_user_callchain})
 * @param outputsDeferred mainline only: whether late records are written in its name ({@code defer_output})
 */
public record EventSpec(boolean perTask, boolean defersCallchain, boolean outputsDeferred) {
    /** One event for everything on a CPU, as {@code perf record -a} opens it. */
    public static final EventSpec PER_CPU = new EventSpec(false, true, true);

    /** An event of each task, as {@code perf record COMMAND} opens it. */
    public static final EventSpec PER_TASK = new EventSpec(true, true, true);
}
