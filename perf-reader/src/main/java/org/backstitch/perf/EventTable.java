package org.backstitch.perf;

import java.util.List;
import org.backstitch.bytes.Words;
import org.jspecify.annotations.Nullable;

/**
 * Tells which event a record is of, by the rules of perf's {@code evlist__event2evsel}: a recording of one event needs no ids; in one
 * of several, each record holds an id at a place on which all events agree; id 0 (of records that the tool made up) stands for the
 * first event.
 *
 * <p>Immutable, and safe for use by several threads.
 */
final class EventTable {
    /** The event of a record is not known. */
    static final int UNKNOWN = -1;

    private final PerfEvent[] events;
    private final SampleLayout[] layouts;

    /** Open addressing: id and event index side by side; a slot whose index is negative is free. */
    private final long[] slots;

    private final int mask;

    /** Where in a sample its id lies, and where back from the end of any other record; -1 where the events do not agree. */
    private final int idInSample;

    private final int idFromEnd;

    /** The layout of records whose event is not known: that of all events, if they agree. */
    private final @Nullable SampleLayout common;

    EventTable(List<PerfEvent> list) {
        events = list.toArray(PerfEvent[]::new);
        layouts = new SampleLayout[events.length];
        int ids = 0;
        for (int i = 0; i < events.length; i++) {
            layouts[i] = new SampleLayout(events[i].attr());
            ids += events[i].idCount();
        }
        int capacity = Math.max(16, Integer.highestOneBit(ids) * 4);
        mask = capacity - 1;
        slots = new long[2 * capacity];
        for (int i = 0; i < capacity; i++) {
            slots[2 * i + 1] = UNKNOWN;
        }
        int inSample = events.length == 0 ? -1 : layouts[0].eventId();
        int fromEnd = events.length == 0 ? -1 : layouts[0].eventIdFromEnd();
        boolean same = events.length > 0;
        for (int i = 0; i < events.length; i++) {
            for (long id : events[i].ids()) {
                put(id, i);
            }
            inSample = layouts[i].eventId() == inSample ? inSample : -1;
            fromEnd = layouts[i].eventIdFromEnd() == fromEnd ? fromEnd : -1;
            same &= layouts[i].readsAs(layouts[0]);
        }
        idInSample = inSample;
        idFromEnd = fromEnd;
        common = same ? layouts[0] : null;
    }

    private void put(long id, int index) {
        int slot = slot(id);
        while (slots[2 * slot + 1] != UNKNOWN) {
            if (slots[2 * slot] == id) {
                return; // The first event that claims an id has it.
            }
            slot = (slot + 1) & mask;
        }
        slots[2 * slot] = id;
        slots[2 * slot + 1] = index;
    }

    /** The event that an id is an instance of, or {@link #UNKNOWN}. */
    int eventOfId(long id) {
        int slot = slot(id);
        while (slots[2 * slot + 1] != UNKNOWN) {
            if (slots[2 * slot] == id) {
                return (int) slots[2 * slot + 1];
            }
            slot = (slot + 1) & mask;
        }
        return UNKNOWN;
    }

    private int slot(long id) {
        return (int) ((id * 0x9e37_79b9_7f4a_7c15L) >>> 40) & mask;
    }

    /** The event of the sample at {@code offset}, {@code size} bytes long; {@link #UNKNOWN} if it names none. */
    int eventOfSample(Words words, long offset, int size) {
        if (events.length == 1) {
            return 0;
        }
        if (idInSample < 0 || size < idInSample + 8) {
            return UNKNOWN;
        }
        return eventOfRecordId(words.i64(offset + idInSample));
    }

    /** The event of the record at {@code offset}, which the kernel wrote and which is no sample. */
    int eventOfOther(Words words, long offset, int size) {
        if (events.length == 1 || (events.length > 0 && !events[0].attr().sampleIdAll())) {
            return 0;
        }
        if (idFromEnd <= 0 || size < SampleLayout.HEADER_SIZE + idFromEnd) {
            return UNKNOWN;
        }
        return eventOfRecordId(words.i64(offset + size - idFromEnd));
    }

    private int eventOfRecordId(long id) {
        return id == 0 ? 0 : eventOfId(id);
    }

    /** How records of an event are laid out; null if the event is not known and the events differ. */
    @Nullable
    SampleLayout layout(int event) {
        return event == UNKNOWN ? common : layouts[event];
    }

    /** The number of events. */
    int size() {
        return events.length;
    }
}
