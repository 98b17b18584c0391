package org.backstitch.perf;

/**
 * Where the fields of one event's records lie: what follows from its attribute alone, computed once.
 *
 * <p>Offsets of a sample are in bytes from the start of the record, -1 for a field that it does not have. The fields up to
 * {@code period} have fixed places; what comes behind has to be walked through. Offsets of the {@code sample_id} that closes every
 * other record are in bytes back from the record's end, 0 for a field that it does not have.
 */
final class SampleLayout {
    /** The size of a record's header, in bytes. */
    static final int HEADER_SIZE = 8;

    /** The fields of a {@code sample_id}, in its order. */
    static final long SAMPLE_ID_FIELDS = SampleType.TID
            | SampleType.TIME
            | SampleType.ID
            | SampleType.STREAM_ID
            | SampleType.CPU
            | SampleType.IDENTIFIER;

    final long sampleType;
    final int identifier;
    final int ip;
    final int tid;
    final int time;
    final int addr;
    final int id;
    final int streamId;
    final int cpu;
    final int period;

    /** The size of the header and the fields with fixed places: the least size that a sample can have, in bytes. */
    final int fixedSize;

    final long readFormat;

    /** The period of samples that do not record one, -1 if they may have any. */
    final long fixedPeriod;

    final long userRegisterMask;
    final int userRegisterBytes;
    final long interruptRegisterMask;
    final int interruptRegisterBytes;
    final boolean branchHardwareIndex;
    final boolean branchCounters;

    /** Size of the {@code sample_id} behind every record of the kernel that is no sample, in bytes: 0 to 48. */
    final int sampleIdSize;

    final int tidFromEnd;
    final int timeFromEnd;
    final int idFromEnd;
    final int streamIdFromEnd;
    final int cpuFromEnd;
    final int identifierFromEnd;

    private final PerfEventAttr attr;

    SampleLayout(PerfEventAttr attr) {
        this.attr = attr;
        sampleType = attr.sampleType();
        Offsets fixed = new Offsets(sampleType, HEADER_SIZE);
        identifier = fixed.of(SampleType.IDENTIFIER);
        ip = fixed.of(SampleType.IP);
        tid = fixed.of(SampleType.TID);
        time = fixed.of(SampleType.TIME);
        addr = fixed.of(SampleType.ADDR);
        id = fixed.of(SampleType.ID);
        streamId = fixed.of(SampleType.STREAM_ID);
        cpu = fixed.of(SampleType.CPU);
        period = fixed.of(SampleType.PERIOD);
        fixedSize = fixed.next;
        readFormat = attr.readFormat();
        fixedPeriod = attr.isFrequency() ? -1 : attr.samplePeriod();
        userRegisterMask = attr.sampleRegsUser();
        userRegisterBytes = 8 * Long.bitCount(userRegisterMask);
        interruptRegisterMask = attr.sampleRegsIntr();
        interruptRegisterBytes = 8 * Long.bitCount(interruptRegisterMask);
        branchHardwareIndex = (attr.branchSampleType() & BranchSampleType.HW_INDEX) != 0;
        branchCounters = (attr.branchSampleType() & BranchSampleType.COUNTERS) != 0;

        long trailing = attr.sampleIdAll() ? sampleType & SAMPLE_ID_FIELDS : 0;
        Offsets back = new Offsets(trailing, 0);
        identifierFromEnd = back.toEndOf(SampleType.IDENTIFIER);
        cpuFromEnd = back.toEndOf(SampleType.CPU);
        streamIdFromEnd = back.toEndOf(SampleType.STREAM_ID);
        idFromEnd = back.toEndOf(SampleType.ID);
        timeFromEnd = back.toEndOf(SampleType.TIME);
        tidFromEnd = back.toEndOf(SampleType.TID);
        sampleIdSize = back.next;
    }

    /** Where a sample tells which event it is of: {@link #identifier}, else {@link #id}, else -1. */
    int eventId() {
        return identifier >= 0 ? identifier : id;
    }

    /** Where, back from the end, any other record tells which event it is of; 0 for nowhere. */
    int eventIdFromEnd() {
        return identifierFromEnd != 0 ? identifierFromEnd : idFromEnd;
    }

    /** Whether records of both events are read in the same way. */
    boolean readsAs(SampleLayout other) {
        return sampleType == other.sampleType
                && readFormat == other.readFormat
                && userRegisterMask == other.userRegisterMask
                && interruptRegisterMask == other.interruptRegisterMask
                && branchHardwareIndex == other.branchHardwareIndex
                && branchCounters == other.branchCounters
                && attr.sampleIdAll() == other.attr.sampleIdAll();
    }

    private static final class Offsets {
        private final long fields;
        private int next;

        Offsets(long fields, int start) {
            this.fields = fields;
            this.next = start;
        }

        int of(long field) {
            if ((fields & field) == 0) {
                return -1;
            }
            int offset = next;
            next += 8;
            return offset;
        }

        int toEndOf(long field) {
            if ((fields & field) == 0) {
                return 0;
            }
            next += 8;
            return next;
        }
    }
}
