package org.backstitch.perf;

/**
 * The types of the records in a perf.data file: those below 64 come from the kernel (linux/perf_event.h, {@code enum
 * perf_event_type}), those from 64 on from the perf tool (tools/lib/perf/include/perf/event.h, {@code enum perf_user_event_type}).
 */
public final class RecordType {
    public static final int MMAP = 1;
    public static final int LOST = 2;
    public static final int COMM = 3;
    public static final int EXIT = 4;
    public static final int THROTTLE = 5;
    public static final int UNTHROTTLE = 6;
    public static final int FORK = 7;
    public static final int READ = 8;
    public static final int SAMPLE = 9;
    public static final int MMAP2 = 10;
    public static final int AUX = 11;
    public static final int ITRACE_START = 12;
    public static final int LOST_SAMPLES = 13;
    public static final int SWITCH = 14;
    public static final int SWITCH_CPU_WIDE = 15;
    public static final int NAMESPACES = 16;
    public static final int KSYMBOL = 17;
    public static final int BPF_EVENT = 18;
    public static final int CGROUP = 19;
    public static final int TEXT_POKE = 20;
    public static final int AUX_OUTPUT_HW_ID = 21;

    /** A user callchain that was taken on the way back to user mode (Linux 6.19). */
    public static final int CALLCHAIN_DEFERRED = 22;

    /** The first type that the tool writes, not the kernel. Records from here on carry no {@link SampleId}. */
    public static final int USER_TYPE_START = 64;

    public static final int HEADER_ATTR = 64;
    public static final int HEADER_EVENT_TYPE = 65;

    /** Followed by data that its size does not count: see {@link RecordCursor#payloadSize}. */
    public static final int HEADER_TRACING_DATA = 66;

    public static final int HEADER_BUILD_ID = 67;

    /** No record behind this one is older than any record before the previous one of these. */
    public static final int FINISHED_ROUND = 68;

    public static final int ID_INDEX = 69;
    public static final int AUXTRACE_INFO = 70;

    /** Followed by data that its size does not count: see {@link RecordCursor#payloadSize}. */
    public static final int AUXTRACE = 71;

    public static final int AUXTRACE_ERROR = 72;
    public static final int THREAD_MAP = 73;
    public static final int CPU_MAP = 74;
    public static final int STAT_CONFIG = 75;
    public static final int STAT = 76;
    public static final int STAT_ROUND = 77;
    public static final int EVENT_UPDATE = 78;
    public static final int TIME_CONV = 79;
    public static final int HEADER_FEATURE = 80;

    /** A piece of a zstd stream of records. {@link PerfFile} unpacks it; it appears only where that was impossible. */
    public static final int COMPRESSED = 81;

    public static final int FINISHED_INIT = 82;

    /** As {@link #COMPRESSED}, padded to eight bytes (Linux 6.15). */
    public static final int COMPRESSED2 = 83;

    public static final int BPF_METADATA = 84;
    public static final int SCHEDSTAT_CPU = 85;
    public static final int SCHEDSTAT_DOMAIN = 86;

    private static final String[] KERNEL = {
        "",
        "MMAP",
        "LOST",
        "COMM",
        "EXIT",
        "THROTTLE",
        "UNTHROTTLE",
        "FORK",
        "READ",
        "SAMPLE",
        "MMAP2",
        "AUX",
        "ITRACE_START",
        "LOST_SAMPLES",
        "SWITCH",
        "SWITCH_CPU_WIDE",
        "NAMESPACES",
        "KSYMBOL",
        "BPF_EVENT",
        "CGROUP",
        "TEXT_POKE",
        "AUX_OUTPUT_HW_ID",
        "CALLCHAIN_DEFERRED"
    };

    private static final String[] TOOL = {
        "ATTR",
        "EVENT_TYPE",
        "TRACING_DATA",
        "BUILD_ID",
        "FINISHED_ROUND",
        "ID_INDEX",
        "AUXTRACE_INFO",
        "AUXTRACE",
        "AUXTRACE_ERROR",
        "THREAD_MAP",
        "CPU_MAP",
        "STAT_CONFIG",
        "STAT",
        "STAT_ROUND",
        "EVENT_UPDATE",
        "TIME_CONV",
        "FEATURE",
        "COMPRESSED",
        "FINISHED_INIT",
        "COMPRESSED2",
        "BPF_METADATA",
        "SCHEDSTAT_CPU",
        "SCHEDSTAT_DOMAIN"
    };

    private RecordType() {}

    /** Whether this class has a constant for {@code type}. */
    public static boolean isKnown(int type) {
        return (type >= 1 && type < KERNEL.length) || (type >= USER_TYPE_START && type < USER_TYPE_START + TOOL.length);
    }

    /** The type as {@code perf report --stats} names it; {@code TYPE_n} for a number that is not known. */
    public static String name(int type) {
        if (!isKnown(type)) {
            return "TYPE_" + Integer.toUnsignedString(type);
        }
        return type < USER_TYPE_START ? KERNEL[type] : TOOL[type - USER_TYPE_START];
    }
}
