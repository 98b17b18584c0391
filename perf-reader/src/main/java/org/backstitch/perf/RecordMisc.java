package org.backstitch.perf;

/**
 * The bits of a record's {@code misc} field (linux/perf_event.h, {@code PERF_RECORD_MISC_*}). The upper ones mean different things in
 * different records.
 */
public final class RecordMisc {
    /** The three bits that hold the CPU mode. */
    public static final int CPU_MODE_MASK = 7;

    public static final int CPU_MODE_UNKNOWN = 0;
    public static final int CPU_MODE_KERNEL = 1;
    public static final int CPU_MODE_USER = 2;
    public static final int CPU_MODE_HYPERVISOR = 3;
    public static final int CPU_MODE_GUEST_KERNEL = 4;
    public static final int CPU_MODE_GUEST_USER = 5;

    /** MMAP*: the mappings of the process were not read to their end. */
    public static final int PROC_MAP_PARSE_TIMEOUT = 1 << 12;

    /** MMAP*: not an executable mapping. */
    public static final int MMAP_DATA = 1 << 13;

    /** COMM: the name changed because of an exec. */
    public static final int COMM_EXEC = 1 << 13;

    /** FORK: written by the perf tool for a task whose exec follows. */
    public static final int FORK_EXEC = 1 << 13;

    /** SWITCH*: the task leaves the CPU. */
    public static final int SWITCH_OUT = 1 << 13;

    /** SAMPLE: the instruction pointer is exact. */
    public static final int EXACT_IP = 1 << 14;

    /** SWITCH*: the task was preempted, not put to sleep. */
    public static final int SWITCH_OUT_PREEMPT = 1 << 14;

    /** MMAP2: the record has a build id where it would have device and inode. */
    public static final int MMAP_BUILD_ID = 1 << 14;

    /** HEADER_BUILD_ID: the size of the build id is recorded. */
    public static final int BUILD_ID_SIZE = 1 << 15;

    /** LOST_SAMPLES: dropped by a BPF filter, not for want of space. */
    public static final int LOST_SAMPLES_BPF = 1 << 15;

    private RecordMisc() {}
}
