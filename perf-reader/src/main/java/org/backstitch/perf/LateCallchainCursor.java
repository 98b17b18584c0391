package org.backstitch.perf;

import java.util.Objects;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Words;

/**
 * A user callchain that came late ({@link RecordType#CALLCHAIN_DEFERRED}), read in place: put it on a record's offset with
 * {@link #moveTo}, then ask for fields. Moving and asking allocate nothing.
 *
 * <p>It gives what {@link PerfRecord.CallchainDeferred} holds. A record of type 17 it takes for what the RFC of 2017 meant by it, as
 * {@link PerfFile#rfc2017Callchain} does.
 *
 * <p>Not safe for use by several threads; any number of cursors can read one recording.
 */
public final class LateCallchainCursor {
    private static final int RFC2017_TYPE = RecordType.KSYMBOL;

    private final Bytes bytes;
    private final Words words;
    private final EventTable events;
    private long cookie;
    private long addresses;
    private int size;
    private int pid;
    private int tid;
    private long eventId;

    LateCallchainCursor(Bytes bytes, EventTable events) {
        this.bytes = bytes;
        this.words = bytes.words();
        this.events = events;
    }

    /**
     * Moves to the late callchain whose record starts at {@code recordOffset}.
     *
     * @param recordOffset of such a record, as {@link RecordCursor#offset} reports it
     * @throws org.backstitch.bytes.MalformedInputException if its addresses do not fit it
     * @throws IllegalArgumentException if it is another record
     */
    public void moveTo(long recordOffset) {
        long header = words.i64(recordOffset);
        int type = (int) header;
        if (type != RecordType.CALLCHAIN_DEFERRED && type != RFC2017_TYPE) {
            throw new IllegalArgumentException("no late callchain at " + recordOffset);
        }
        int recordSize = (int) (header >>> 48);
        long end = recordOffset + recordSize;
        SampleLayout layout = events.layout(events.eventOfOther(words, recordOffset, recordSize));
        long bodyEnd = end - (layout == null ? 0 : layout.sampleIdSize);
        long body = recordOffset + SampleLayout.HEADER_SIZE;
        long count = body + (type == RFC2017_TYPE ? 0 : Long.BYTES);
        addresses = count + Long.BYTES;
        if (addresses > bodyEnd) {
            throw bytes.malformed(recordOffset, "a late callchain in a record of " + recordSize + " bytes");
        }
        long counted = words.i64(count);
        long room = (bodyEnd - addresses) / Long.BYTES;
        if (counted < 0 || counted > room) {
            String text = Long.toUnsignedString(counted) + " addresses where " + room + " fit";
            throw bytes.malformed(count, text);
        }
        size = (int) counted;
        cookie = type == RFC2017_TYPE ? 0 : words.i64(body);
        int tidFromEnd = layout == null ? 0 : layout.tidFromEnd;
        pid = tidFromEnd == 0 ? -1 : words.i32(end - tidFromEnd);
        tid = tidFromEnd == 0 ? -1 : words.i32(end - tidFromEnd + Integer.BYTES);
        int idFromEnd = layout == null ? 0 : layout.eventIdFromEnd();
        eventId = idFromEnd == 0 ? -1 : words.i64(end - idFromEnd);
    }

    /** What the samples that asked for it know it by; 0 in a record of the RFC of 2017. */
    public long cookie() {
        return cookie;
    }

    /** How many addresses it has, with the markers of {@link CallchainContext} among them. */
    public int size() {
        return size;
    }

    /**
     * One of the addresses, the innermost first.
     *
     * @param index from 0 to {@link #size} - 1
     */
    public long address(int index) {
        return words.i64(addresses + (long) Long.BYTES * Objects.checkIndex(index, size));
    }

    /** The process, as in {@link SampleId#pid}; -1 if the record does not say. */
    public int pid() {
        return pid;
    }

    /** The thread, as in {@link SampleId#tid}; -1 if the record does not say. */
    public int tid() {
        return tid;
    }

    /** The event's instance, as in {@link SampleId#id}; -1 if the record does not say. */
    public long eventId() {
        return eventId;
    }
}
