package org.backstitch.perf;

/** The bits of {@code perf_event_attr.branch_sample_type} that change the layout of a sample (linux/perf_event.h). */
public final class BranchSampleType {
    /** The branch stack starts with the hardware's index of its newest entry. */
    public static final long HW_INDEX = 1L << 17;

    /** The branch stack is followed by one word of event counters for each entry (Linux 6.8). */
    public static final long COUNTERS = 1L << 19;

    private BranchSampleType() {}
}
