package org.backstitch.perf;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * What the records say about the recording as a whole: in pipe mode everything, in file mode new names of events. Taken from all of the
 * records of a pipe-mode file, from those of a stream or another file before the first sample.
 */
final class Metadata {
    /** How many records of a file are searched for what decides its form, before the first sample. */
    private static final int MAX_LEADING_RECORDS = 100_000;

    private static final int UPDATE_NAME = 2;

    private final Bytes file;
    private final List<EventDescription> events = new ArrayList<>();
    private final NavigableMap<Integer, Bytes> features = new TreeMap<>();
    private final List<BuildIdEntry> buildIds = new ArrayList<>();
    private final Map<Long, String> names = new TreeMap<>();
    private final Anomalies unreadable;
    private boolean sawCompressed;

    /** Nothing known yet of a recording in pipe mode. */
    Metadata(Bytes file, Anomalies unreadable) {
        this.file = file;
        this.unreadable = unreadable;
    }

    /** What a file says. */
    static Metadata read(Bytes file, FileHeader header, Anomalies anomalies) {
        Metadata metadata = new Metadata(file, anomalies);
        metadata.events.addAll(header.events());
        long from = header.dataStart();
        if (header.isPipe()) {
            from = metadata.scan(header, from, true);
        }
        metadata.scan(header, from, false);
        return metadata;
    }

    /**
     * Reads records from {@code from} on; returns where it stopped.
     *
     * @param untilKernel whether to stop at the first record of the kernel: by then all events are described, and the records of
     *     the kernel can be told from damage
     */
    private long scan(FileHeader header, long from, boolean untilKernel) {
        // Damaged headers are met again, and counted, by those who read the records.
        RecordCursor cursor =
                new RecordCursor(file.words(), from, header.dataEnd(), new EventTable(placeholders()), new Anomalies());
        for (int count = 0; cursor.next(); count++) {
            if (untilKernel && cursor.type() < RecordType.USER_TYPE_START) {
                return cursor.offset();
            }
            if (!header.isPipe() && (cursor.isSample() || count >= MAX_LEADING_RECORDS)) {
                break;
            }
            take(cursor, header.isPipe());
        }
        return header.dataEnd();
    }

    /** Takes what the current record says; nothing but an event's new name counts in a file that is not of a pipe. */
    void take(RecordCursor cursor, boolean pipe) {
        try {
            takeFrom(cursor, pipe);
        } catch (MalformedInputException e) {
            unreadable.add(Anomalies.Kind.BAD_RECORD, e.offset(), e.reason());
        }
    }

    private void takeFrom(RecordCursor cursor, boolean pipe) {
        Bytes record = file.slice(cursor.offset(), cursor.size());
        switch (cursor.type()) {
            case RecordType.COMPRESSED, RecordType.COMPRESSED2 -> sawCompressed = true;
            case RecordType.EVENT_UPDATE -> {
                if (record.i64(8) == UPDATE_NAME) {
                    names.put(record.i64(16), record.paddedString(24, record.size() - 24));
                }
            }
            case RecordType.HEADER_ATTR -> {
                if (pipe) {
                    PerfEventAttr attr = PerfEventAttr.read(record.from(8));
                    events.add(new EventDescription(attr, FileHeader.ids(record, 8L + attr.size()), null));
                }
            }
            case RecordType.HEADER_BUILD_ID -> {
                if (pipe) {
                    buildIds.add(PerfFeatures.buildId(record.cursor(8), cursor.misc()));
                }
            }
            case RecordType.HEADER_FEATURE -> {
                long number = record.i64(8);
                if (pipe && number > 0 && number < FileHeader.FEATURE_BITS) {
                    features.put((int) number, record.from(16));
                }
            }
            case RecordType.HEADER_TRACING_DATA -> {
                if (pipe) {
                    features.put(
                            PerfFeatures.TRACING_DATA,
                            file.slice(
                                    cursor.offset() + cursor.size(),
                                    cursor.nextOffset() - cursor.offset() - cursor.size()));
                }
            }
            default -> {}
        }
    }

    private @Nullable String updatedName(EventDescription event) {
        for (long id : event.ids()) {
            String name = names.get(id);
            if (name != null) {
                return name;
            }
        }
        return null;
    }

    /** Whether compressed records were met, or announced: a recording that was cut off may have none that is whole. */
    boolean isCompressed() {
        return sawCompressed || features.containsKey(PerfFeatures.COMPRESSED);
    }

    /** Whether no event is described. */
    boolean isEmpty() {
        return events.isEmpty();
    }

    /** The feature sections of the header, and those that came as records. */
    PerfFeatures features(FileHeader header, Anomalies anomalies) {
        NavigableMap<Integer, Bytes> sections = new TreeMap<>(header.features());
        sections.putAll(features);
        return new PerfFeatures(sections, buildIds, anomalies);
    }

    /** The events so far, without names. */
    List<PerfEvent> placeholders() {
        List<PerfEvent> list = new ArrayList<>();
        for (EventDescription event : events) {
            list.add(new PerfEvent(list.size(), "", event.attr(), event.ids()));
        }
        return List.copyOf(list);
    }

    /**
     * Names the events: as an update record says, else as the list of events says, else as the format of the tracepoint says, else as
     * perf would.
     */
    List<PerfEvent> events(PerfFeatures described, Anomalies anomalies) {
        List<EventDescription> descriptions = described.eventDescriptions();
        Map<Long, @Nullable String> byId = new HashMap<>();
        for (EventDescription description : descriptions) {
            if (description.hasIds()) {
                byId.putIfAbsent(description.firstId(), description.name());
            }
        }
        Map<Long, String> tracepoints = Map.of();
        boolean searched = false;
        List<PerfEvent> list = new ArrayList<>();
        for (EventDescription event : events) {
            int index = list.size();
            String name = updatedName(event);
            if (name == null && event.hasIds()) {
                name = byId.get(event.firstId());
            }
            if (name == null && index < descriptions.size()) {
                name = descriptions.get(index).name();
            }
            if (name == null && event.attr().type() == PerfEventAttr.TYPE_TRACEPOINT) {
                tracepoints = searched ? tracepoints : tracepointNames(described, anomalies);
                searched = true;
                name = tracepoints.get(event.attr().config());
            }
            if (name == null || name.isEmpty()) {
                name = EventNames.of(event.attr());
            }
            list.add(new PerfEvent(index, name, event.attr(), event.ids()));
        }
        return List.copyOf(list);
    }

    private static Map<Long, String> tracepointNames(PerfFeatures features, Anomalies anomalies) {
        Bytes section = features.section(PerfFeatures.TRACING_DATA);
        if (section == null) {
            return Map.of();
        }
        try {
            return TracingData.names(section);
        } catch (MalformedInputException e) {
            anomalies.add(Anomalies.Kind.BAD_FEATURE, e.offset(), "tracing data: " + e.reason());
            return Map.of();
        }
    }
}
