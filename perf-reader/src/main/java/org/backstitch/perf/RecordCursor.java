package org.backstitch.perf;

import org.backstitch.bytes.Words;
import org.jspecify.annotations.Nullable;

/**
 * Walks over the records of a recording in the order of the file, without decoding or allocating: for each its place, type and size,
 * and on demand its event and its time.
 *
 * <p>A record's offset is its name for good: a cursor can be set to any offset that a cursor has reported, and {@link SampleCursor}
 * and {@link PerfFile#record} take it.
 *
 * <p>Where a record's header cannot be right (no room for it, a size below 8 or beyond the end, type 0 or above 65535) the walk goes
 * on at the next place from which plausible records follow each other; the gap is counted as one anomaly. See {@link Resync}.
 *
 * <p>Not safe for use by several threads; any number of cursors can walk over one recording.
 */
public final class RecordCursor {
    private static final int HEADER_SIZE = SampleLayout.HEADER_SIZE;

    /** The largest type that is taken for one: types have 32 bits, but those in use fit 7. */
    static final int MAX_TYPE = 0xffff;

    /** The largest size that the header can hold. */
    private static final int MAX_SIZE = 0xffff;

    /** How many bytes of a stream are looked at for the next record behind damage: some times the largest record. */
    private static final int BEHIND_DAMAGE = 1 << 20;

    /** The header of a COMPRESSED2 record, and the size of its data. */
    static final int COMPRESSED2_HEADER_SIZE = 16;

    private final Words words;
    private final EventTable events;
    private final Anomalies anomalies;

    /** Where the data end, as far as they are there. */
    private long end;

    private long cutOffset = -1;
    private long offset;
    private long next;
    private int type;
    private int misc;
    private int size;

    RecordCursor(Words words, long start, long end, EventTable events, Anomalies anomalies) {
        this.words = words;
        this.events = events;
        this.anomalies = anomalies;
        this.end = end;
        this.offset = start;
        this.next = start;
    }

    /**
     * Steps to the next record.
     *
     * @return whether there is one
     */
    public boolean next() {
        while (true) {
            long at = next;
            if (end - at >= HEADER_SIZE) {
                long header = words.i64(at);
                int headerType = (int) header;
                int headerSize = (int) (header >>> 48);
                if (headerType == RecordType.COMPRESSED2) {
                    headerSize = compressedSize(at, headerSize);
                }
                if (headerSize >= HEADER_SIZE && headerSize <= end - at && headerType > 0 && headerType <= MAX_TYPE) {
                    offset = at;
                    type = headerType;
                    misc = (int) (header >>> 32) & 0xffff;
                    size = headerSize;
                    next = at + headerSize;
                    if (headerType == RecordType.HEADER_TRACING_DATA || headerType == RecordType.AUXTRACE) {
                        skipPayload();
                    }
                    return true;
                }
            } else if (at >= end) {
                return false;
            }
            next = resume(at);
        }
    }

    /**
     * The size of a COMPRESSED2 record. The perf tool from Linux 6.16 on packs what a buffer held into one record even if that takes
     * more bytes than the size field can say; then the field has the lower 16 bits of the padded size, and the padding is missing.
     */
    private int compressedSize(long at, int claimed) {
        if (end - at < COMPRESSED2_HEADER_SIZE) {
            return claimed;
        }
        long data = words.i64(at + HEADER_SIZE);
        if (data <= 0 || data > Math.min(end - at, Integer.MAX_VALUE) - COMPRESSED2_HEADER_SIZE) {
            return claimed;
        }
        long padded = (data + COMPRESSED2_HEADER_SIZE + 7) & ~7L;
        boolean wrapped = padded > MAX_SIZE && (padded & MAX_SIZE) == claimed;
        return wrapped ? (int) data + COMPRESSED2_HEADER_SIZE : claimed;
    }

    /** More of the data have come: they end at {@code newEnd} now. */
    void endsAt(long newEnd) {
        end = newEnd;
    }

    /**
     * Whether so much has come that {@link #next} gives the same as it would if all had: the next record with what belongs to it, or
     * damage and enough behind it.
     */
    boolean isNextWhole() {
        long left = end - next;
        if (left < HEADER_SIZE) {
            return false;
        }
        long header = words.i64(next);
        int headerType = (int) header;
        long needed = header >>> 48;
        if (needed < HEADER_SIZE || headerType <= 0 || headerType > MAX_TYPE) {
            return left >= BEHIND_DAMAGE;
        }
        if (headerType == RecordType.COMPRESSED2) {
            if (left < COMPRESSED2_HEADER_SIZE) {
                return false;
            }
            long padded = (words.i64(next + HEADER_SIZE) + COMPRESSED2_HEADER_SIZE + 7) & ~7L;
            boolean wrapped = padded > MAX_SIZE && padded < Integer.MAX_VALUE && (padded & MAX_SIZE) == needed;
            return left >= (wrapped ? padded : needed);
        }
        if (left < needed) {
            return false;
        }
        long payload = switch (headerType) {
            case RecordType.AUXTRACE -> needed >= 16 ? words.i64(next + 8) : 0;
            case RecordType.HEADER_TRACING_DATA -> needed >= 12 ? words.u32(next + 8) : 0;
            default -> 0;
        };
        return payload < 0 || payload <= left - needed;
    }

    private void skipPayload() {
        long payload = payloadSize();
        if (payload < 0 || payload > end - next) {
            anomalies.add(
                    Anomalies.Kind.BAD_RECORD,
                    offset,
                    "a record followed by " + Long.toUnsignedString(payload) + " bytes, of which " + (end - next)
                            + " are there");
            payload = end - next;
        }
        next += payload;
    }

    /** Where to go on when the header at {@code at} cannot be right. */
    private long resume(long at) {
        long left = end - at;
        if (left < HEADER_SIZE) {
            anomalies.add(Anomalies.Kind.TRUNCATED, at, "the data end " + left + " bytes into a record's header");
            return end;
        }
        long found = Resync.find(words, at + 1, end, events);
        long header = words.i64(at);
        String text = "a record of type " + Integer.toUnsignedString((int) header) + " and " + (header >>> 48)
                + " bytes where " + left + " are left; " + (found - at) + " bytes were skipped";
        boolean cut = found == end && RecordType.isKnown((int) header) && (header >>> 48) > left;
        if (cut) {
            cutOffset = at;
        }
        anomalies.add(cut ? Anomalies.Kind.TRUNCATED : Anomalies.Kind.BAD_RECORD_HEADER, at, text);
        return found;
    }

    /**
     * Goes to the record at {@code recordOffset}, so that {@link #next} steps to it.
     *
     * @param recordOffset an offset that a cursor of this recording has reported, or {@link PerfFile#recordsStart} or
     *     {@link PerfFile#recordsEnd}
     */
    public void moveBefore(long recordOffset) {
        if (recordOffset < 0 || recordOffset > end) {
            throw new IndexOutOfBoundsException("no record at " + recordOffset);
        }
        next = recordOffset;
    }

    /** Where the current record starts, in bytes: {@link PerfFile#bytes} at this offset is its header. */
    public long offset() {
        return offset;
    }

    /** The current record's type: see {@link RecordType}. */
    public int type() {
        return type;
    }

    /** The current record's {@code misc} field: see {@link RecordMisc}. */
    public int misc() {
        return misc;
    }

    /** The CPU mode in {@link #misc}: {@link RecordMisc#CPU_MODE_UNKNOWN} to {@link RecordMisc#CPU_MODE_GUEST_USER}. */
    public int cpuMode() {
        return misc & RecordMisc.CPU_MODE_MASK;
    }

    /** The current record's size with its header, in bytes: 8 to 65535 (more only in COMPRESSED2). */
    public int size() {
        return size;
    }

    /** Where the record starts that the end of the data cuts off; -1 if the walk has not come to one. */
    long cutOffset() {
        return cutOffset;
    }

    /** Where the walk goes on: the end of the current record and of what belongs to it. */
    public long nextOffset() {
        return next;
    }

    /**
     * How many bytes follow the current record that its size does not count, and that are no records: the trace behind
     * {@link RecordType#AUXTRACE} and {@link RecordType#HEADER_TRACING_DATA}. As recorded; 0 for all others.
     */
    public long payloadSize() {
        return switch (type) {
            case RecordType.AUXTRACE -> size >= 16 ? words.i64(offset + 8) : 0;
            case RecordType.HEADER_TRACING_DATA -> size >= 12 ? words.u32(offset + 8) : 0;
            default -> 0;
        };
    }

    /** Whether the current record is a sample. */
    public boolean isSample() {
        return type == RecordType.SAMPLE;
    }

    /** The index of the current record's event; -1 if it names none, or is not of the kernel. */
    public int eventIndex() {
        if (type == RecordType.SAMPLE) {
            return events.eventOfSample(words, offset, size);
        }
        return type < RecordType.USER_TYPE_START ? events.eventOfOther(words, offset, size) : EventTable.UNKNOWN;
    }

    private @Nullable SampleLayout layout() {
        return type < RecordType.USER_TYPE_START ? events.layout(eventIndex()) : null;
    }

    /** When the current record was written, in nanoseconds of the recording's clock; -1 if it does not say. */
    public long time() {
        SampleLayout layout = layout();
        if (layout == null) {
            return -1;
        }
        if (type == RecordType.SAMPLE) {
            return layout.time >= 0 && layout.time + 8 <= size ? words.i64(offset + layout.time) : -1;
        }
        return layout.timeFromEnd != 0 && HEADER_SIZE + layout.timeFromEnd <= size
                ? words.i64(offset + size - layout.timeFromEnd)
                : -1;
    }

    /** The current record's process; -1 if it does not say in its sample fields or its {@link SampleId}. */
    public int pid() {
        long at = tidOffset();
        return at < 0 ? -1 : words.i32(at);
    }

    /** The current record's thread; -1 if it does not say in its sample fields or its {@link SampleId}. */
    public int tid() {
        long at = tidOffset();
        return at < 0 ? -1 : words.i32(at + 4);
    }

    private long tidOffset() {
        SampleLayout layout = layout();
        if (layout == null) {
            return -1;
        }
        if (type == RecordType.SAMPLE) {
            return layout.tid >= 0 && layout.tid + 8 <= size ? offset + layout.tid : -1;
        }
        return layout.tidFromEnd != 0 && HEADER_SIZE + layout.tidFromEnd <= size
                ? offset + size - layout.tidFromEnd
                : -1;
    }

    @Override
    public String toString() {
        return "%s at 0x%x, %d bytes".formatted(RecordType.name(type), offset, size);
    }
}
