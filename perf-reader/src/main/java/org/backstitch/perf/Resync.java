package org.backstitch.perf;

import org.backstitch.bytes.Words;

/**
 * Finds the next record behind damage.
 *
 * <p>Records carry no mark, so a place is taken for a record only if several follow from it: {@link #CHAIN} headers in a row, each of
 * a known type and large enough for it, or fewer that end exactly at the end of the data. The kernel's records are multiples of eight
 * bytes long, but may start anywhere: some of the tool's before them (HEADER_FEATURE, COMPRESSED) are of any length. A stack dump that
 * happens to hold such a row is a recording of a profiler's own buffers, and that is accepted.
 */
final class Resync {
    /** How many headers in a row make a place credible. */
    private static final int CHAIN = 4;

    /** The bits of {@code misc} that no record uses: 3 to 11. */
    private static final int UNUSED_MISC = 0x0ff8;

    private Resync() {}

    /**
     * The first credible place.
     *
     * @param from where to start looking, byte by byte
     * @param end of the data
     * @return an offset in {@code from} to {@code end}; {@code end} if there is none
     */
    static long find(Words words, long from, long end, EventTable events) {
        for (long at = from; at <= end - SampleLayout.HEADER_SIZE; at++) {
            if (credible(words, at, end, events)) {
                return at;
            }
        }
        return end;
    }

    private static boolean credible(Words words, long start, long end, EventTable events) {
        long at = start;
        boolean anyOfKernel = false;
        for (int i = 0; i < CHAIN; i++) {
            if (at == end) {
                return anyOfKernel; // A few words of text can look like a record of the tool, which has little to
                // check.
            }
            if (end - at < SampleLayout.HEADER_SIZE) {
                return false;
            }
            long header = words.i64(at);
            int type = (int) header;
            int misc = (int) (header >>> 32) & 0xffff;
            int size = (int) (header >>> 48);
            if (!RecordType.isKnown(type) || size < minimumSize(type) || size > end - at) {
                return false;
            }
            if (type < RecordType.USER_TYPE_START) {
                if ((misc & UNUSED_MISC) != 0 || size % 8 != 0 || !isComplete(words, at, type, size, events)) {
                    return false;
                }
                anyOfKernel = true;
            } else if (misc != 0 && type != RecordType.HEADER_BUILD_ID) {
                return false;
            } else if (type == RecordType.AUXTRACE || type == RecordType.HEADER_TRACING_DATA) {
                return anyOfKernel; // What follows is no record, and its length is not to be believed here.
            }
            at += size;
        }
        return true;
    }

    /** Whether a record of the kernel names an event and has room for what that event's records hold at least. */
    private static boolean isComplete(Words words, long at, int type, int size, EventTable events) {
        boolean sample = type == RecordType.SAMPLE;
        int event = sample ? events.eventOfSample(words, at, size) : events.eventOfOther(words, at, size);
        SampleLayout layout = event == EventTable.UNKNOWN ? null : events.layout(event);
        return layout != null && size >= (sample ? layout.fixedSize : minimumSize(type) + layout.sampleIdSize);
    }

    /** The least size of a record without its {@code sample_id}, in bytes. */
    private static int minimumSize(int type) {
        return switch (type) {
            case RecordType.MMAP -> 40;
            case RecordType.MMAP2 -> 72;
            case RecordType.LOST, RecordType.COMM, RecordType.READ, RecordType.CALLCHAIN_DEFERRED -> 24;
            case RecordType.FORK, RecordType.EXIT, RecordType.THROTTLE, RecordType.UNTHROTTLE, RecordType.AUX -> 32;
            case RecordType.ITRACE_START,
                    RecordType.LOST_SAMPLES,
                    RecordType.SWITCH_CPU_WIDE,
                    RecordType.CGROUP,
                    RecordType.AUX_OUTPUT_HW_ID -> 16;
            case RecordType.NAMESPACES, RecordType.KSYMBOL, RecordType.BPF_EVENT -> 24;
            case RecordType.TEXT_POKE -> 24;
            case RecordType.HEADER_ATTR -> 8 + PerfEventAttr.SIZE_VER0;
            case RecordType.HEADER_BUILD_ID -> 36;
            case RecordType.TIME_CONV, RecordType.AUXTRACE -> 32;
            case RecordType.HEADER_FEATURE, RecordType.ID_INDEX, RecordType.THREAD_MAP -> 16;
            case RecordType.EVENT_UPDATE -> 24;
            default -> 8;
        };
    }
}
