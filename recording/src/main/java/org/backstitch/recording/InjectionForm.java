package org.backstitch.recording;

/** How a recording holds user callchains that were not recorded with its samples. */
public enum InjectionForm {
    /** Every sample holds its whole callchain. Read by every perf. */
    MERGED,
    /**
     * As Linux 6.19 and later write them: a sample holds the kernel's part and the cookie of its entry to the kernel, and one record
     * for each entry holds the user part of all its samples. Read by perf 6.19 and later.
     */
    DEFERRED
}
