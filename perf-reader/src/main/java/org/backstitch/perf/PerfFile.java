package org.backstitch.perf;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * A recording: a perf.data file, in file or pipe mode, with compressed records or without.
 *
 * <p>The file is mapped, never read as a whole, so its size does not matter. Whatever its form, behind {@link #records} lies one flat
 * sequence of records, each named by its offset. Compressed records are unpacked into a temporary file for that, the files of several
 * threads are joined in one, and what comes through a stream is written to one; it has no name any more when {@code open} returns.
 *
 * <p>What is damaged but leaves the rest readable is counted in {@link #anomalies}; {@link MalformedInputException} is thrown only
 * where nothing can be read: no perf.data file, one of a big-endian machine or of the format before 2012, no usable header.
 *
 * <p>Safe for use by several threads; the cursors that it hands out are not.
 */
public final class PerfFile implements AutoCloseable {
    /** How many records of a file are searched for what decides its form, before the first sample. */
    private static final int MAX_LEADING_RECORDS = 100_000;

    private final Arena arena;
    private final Bytes bytes;
    private final long start;
    private final long end;
    private final boolean pipe;
    private final boolean compressed;
    private final List<PerfEvent> events;
    private final EventTable table;
    private final PerfFeatures features;
    private final Anomalies anomalies;
    private final RecordDecoder decoder;

    private PerfFile(
            Arena arena,
            Bytes bytes,
            long start,
            long end,
            boolean pipe,
            boolean compressed,
            List<PerfEvent> events,
            PerfFeatures features,
            Anomalies anomalies) {
        this.arena = arena;
        this.bytes = bytes;
        this.start = start;
        this.end = end;
        this.pipe = pipe;
        this.compressed = compressed;
        this.events = events;
        this.features = features;
        this.anomalies = anomalies;
        this.table = new EventTable(events);
        this.decoder = new RecordDecoder(bytes, table);
    }

    /**
     * Opens a recording: a file, or the directory that {@code perf record --threads} or {@code --kcore} makes of it.
     *
     * @throws IOException if the file cannot be read, or no temporary file can be written
     * @throws MalformedInputException if it is no recording that can be read
     */
    public static PerfFile open(Path path) throws IOException {
        boolean directory = Files.isDirectory(path);
        Arena arena = sharedArena();
        try {
            List<Bytes> others = new ArrayList<>();
            if (directory) {
                for (int i = 0; Files.exists(path.resolve("data." + i)); i++) {
                    others.add(Bytes.map(path.resolve("data." + i), arena));
                }
            }
            return open(Bytes.map(directory ? path.resolve("data") : path, arena), others, arena);
        } catch (IOException | RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /**
     * Reads a recording from a stream to its end, in pipe mode or file mode, through a temporary file.
     *
     * @param name what error messages call it
     * @throws IOException if the stream cannot be read, or no temporary file can be written
     * @throws MalformedInputException if it is no recording that can be read
     */
    public static PerfFile open(InputStream stream, String name) throws IOException {
        Arena arena = sharedArena();
        try {
            Bytes all = throughTemporaryFile(arena, name, channel -> {
                try (var out = Channels.newOutputStream(channel)) {
                    stream.transferTo(out);
                }
            });
            return open(all, List.of(), arena);
        } catch (IOException | RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /** An arena that {@link #close} closes, or the method that failed to hand it on. */
    @SuppressWarnings("MustBeClosedChecker") // Its life is that of the recording, which no block can enclose.
    private static Arena sharedArena() {
        return Arena.ofShared();
    }

    private interface Filler {
        void fill(FileChannel channel) throws IOException;
    }

    /** Maps what {@code filler} writes; the file is gone, the mapping stays. */
    private static Bytes throughTemporaryFile(Arena arena, String name, Filler filler) throws IOException {
        Path file = Files.createTempFile("backstitch", ".perf");
        try {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                filler.fill(channel);
            }
            Bytes mapped = Bytes.map(file, arena);
            return Bytes.of(mapped.segment(), name);
        } finally {
            Files.delete(file);
        }
    }

    /**
     * @param others the files beside the main one, each of them nothing but the records that one thread of perf wrote
     */
    private static PerfFile open(Bytes file, List<Bytes> others, Arena arena) throws IOException {
        Anomalies anomalies = new Anomalies();
        FileHeader header = FileHeader.read(file, anomalies);
        Metadata metadata = Metadata.read(file, header, anomalies);
        boolean compressed = header.features().containsKey(PerfFeatures.COMPRESSED) || metadata.sawCompressed;
        if (!compressed && others.isEmpty()) {
            return create(arena, file, header.dataStart(), header.dataEnd(), header, metadata, false, anomalies);
        }
        EventTable table = new EventTable(placeholders(metadata.events));
        String name = file.source() + (compressed ? "(unpacked)" : "(joined)");
        Bytes flat = throughTemporaryFile(arena, name, channel -> {
            unpack(file, header.dataStart(), header.dataEnd(), table, others.isEmpty(), channel, anomalies);
            for (Bytes other : others) {
                unpack(other, 0, other.size(), table, false, channel, anomalies);
            }
        });
        return create(arena, flat, 0, flat.size(), header, metadata, compressed, anomalies);
    }

    private static void unpack(
            Bytes file,
            long start,
            long end,
            EventTable table,
            boolean withRounds,
            FileChannel channel,
            Anomalies anomalies)
            throws IOException {
        RecordCursor cursor = new RecordCursor(file.segment(), start, end, table, anomalies);
        try (Unpacker unpacker = new Unpacker(channel, anomalies)) {
            unpacker.unpack(file.segment(), cursor, withRounds);
        }
    }

    private static PerfFile create(
            Arena arena,
            Bytes bytes,
            long start,
            long end,
            FileHeader header,
            Metadata metadata,
            boolean compressed,
            Anomalies anomalies) {
        if (metadata.events.isEmpty()) {
            throw bytes.malformed(header.isPipe() ? start : 24, "a recording that describes no events");
        }
        NavigableMap<Integer, Bytes> sections = new TreeMap<>(header.features());
        sections.putAll(metadata.features);
        PerfFeatures features = new PerfFeatures(sections, metadata.buildIds, anomalies);
        List<PerfEvent> events = named(metadata, features, anomalies);
        for (PerfEvent event : events) {
            long unknown = event.attr().sampleType() & ~SampleType.ALL;
            if (unknown != 0) {
                anomalies.add(
                        Anomalies.Kind.UNKNOWN_SAMPLE_FIELDS,
                        0,
                        String.format(Locale.ROOT, "event %s has unknown sample fields 0x%x", event.name(), unknown));
            }
        }
        return new PerfFile(arena, bytes, start, end, header.isPipe(), compressed, events, features, anomalies);
    }

    private static List<PerfEvent> placeholders(List<EventDescription> descriptions) {
        List<PerfEvent> events = new ArrayList<>();
        for (EventDescription event : descriptions) {
            events.add(new PerfEvent(events.size(), "", event.attr(), event.ids()));
        }
        return List.copyOf(events);
    }

    /**
     * Names the events: as an update record says, else as the list of events says, else as the format of the tracepoint says, else as
     * perf would.
     */
    private static List<PerfEvent> named(Metadata metadata, PerfFeatures features, Anomalies anomalies) {
        List<EventDescription> descriptions = features.eventDescriptions();
        Map<Long, @Nullable String> byId = new HashMap<>();
        for (EventDescription description : descriptions) {
            if (description.hasIds()) {
                byId.putIfAbsent(description.firstId(), description.name());
            }
        }
        Map<Long, String> tracepoints = Map.of();
        boolean searched = false;
        List<PerfEvent> events = new ArrayList<>();
        for (EventDescription event : metadata.events) {
            int index = events.size();
            String name = metadata.updatedName(event);
            if (name == null && event.hasIds()) {
                name = byId.get(event.firstId());
            }
            if (name == null && index < descriptions.size()) {
                name = descriptions.get(index).name();
            }
            if (name == null && event.attr().type() == PerfEventAttr.TYPE_TRACEPOINT) {
                tracepoints = searched ? tracepoints : tracepointNames(features, anomalies);
                searched = true;
                name = tracepoints.get(event.attr().config());
            }
            if (name == null || name.isEmpty()) {
                name = EventNames.of(event.attr());
            }
            events.add(new PerfEvent(index, name, event.attr(), event.ids()));
        }
        return List.copyOf(events);
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

    /**
     * What the records say about the recording as a whole: in pipe mode everything, from all of the records; in file mode new names,
     * from the records before the first sample.
     */
    private static final class Metadata {
        private static final int UPDATE_NAME = 2;

        private final Bytes file;
        private final List<EventDescription> events = new ArrayList<>();
        private final NavigableMap<Integer, Bytes> features = new TreeMap<>();
        private final List<BuildIdEntry> buildIds = new ArrayList<>();
        private final Map<Long, String> names = new TreeMap<>();
        private final Anomalies unreadable;
        private boolean sawCompressed;

        private Metadata(Bytes file, Anomalies unreadable) {
            this.file = file;
            this.unreadable = unreadable;
        }

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
            RecordCursor cursor = new RecordCursor(
                    file.segment(), from, header.dataEnd(), new EventTable(placeholders(events)), new Anomalies());
            for (int count = 0; cursor.next(); count++) {
                if (untilKernel && cursor.type() < RecordType.USER_TYPE_START) {
                    return cursor.offset();
                }
                if (!header.isPipe() && (cursor.isSample() || count >= MAX_LEADING_RECORDS)) {
                    break;
                }
                try {
                    take(cursor, header.isPipe());
                } catch (MalformedInputException e) {
                    unreadable.add(Anomalies.Kind.BAD_RECORD, e.offset(), e.reason());
                }
            }
            return header.dataEnd();
        }

        private void take(RecordCursor cursor, boolean pipe) {
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
    }

    /** The name of the recording, as error messages give it. */
    public String source() {
        return bytes.source();
    }

    /**
     * The bytes that all offsets are in: those of the file, or of its unpacked records.
     */
    public Bytes bytes() {
        return bytes;
    }

    /** Where the records start in {@link #bytes}. */
    public long recordsStart() {
        return start;
    }

    /** Where the records end in {@link #bytes}. */
    public long recordsEnd() {
        return end;
    }

    /** Whether it is what a pipe carried, as {@code perf record -o -} writes it. */
    public boolean isPipeMode() {
        return pipe;
    }

    /** Whether its records were compressed. */
    public boolean isCompressed() {
        return compressed;
    }

    /** The events, at least one; each at its index. */
    public List<PerfEvent> events() {
        return events;
    }

    /** What the recording says about the machine and the way in which it was made. */
    public PerfFeatures features() {
        return features;
    }

    /** What was wrong with the recording: what was found on opening, and by the cursors of {@link #records()}. */
    public Anomalies anomalies() {
        return anomalies;
    }

    /** A cursor before the first record, which counts damage in {@link #anomalies()}. */
    public RecordCursor records() {
        return records(anomalies);
    }

    /**
     * A cursor before the first record.
     *
     * @param sink counts the damage that the cursor meets; for a walk over records whose damage is counted already, an own one
     */
    public RecordCursor records(Anomalies sink) {
        return new RecordCursor(bytes.segment(), start, end, table, sink);
    }

    /** A cursor for samples, on none yet. */
    public SampleCursor samples() {
        return new SampleCursor(bytes.segment(), end, table);
    }

    /**
     * Decodes the record at {@code offset}, as {@link RecordCursor#offset} reports it. A sample is not decoded this way
     * ({@link #samples}).
     *
     * @throws MalformedInputException if it is too short for what it should hold
     */
    public PerfRecord record(long offset) {
        return decoder.decode(offset);
    }

    /**
     * Decodes a record of type 17 as the RFC of 2017 meant it: a user callchain that came late, of the record's task, without a
     * cookie. (Since Linux 5.1 this type is {@link RecordType#KSYMBOL}; nothing in a recording tells which of the two it means.)
     *
     * @return with a cookie of 0
     * @throws MalformedInputException if it is too short for what it should hold
     */
    public PerfRecord.CallchainDeferred rfc2017Callchain(long offset) {
        return decoder.rfc2017Callchain(offset);
    }

    /** Unmaps the recording: neither its cursors nor its bytes may be used any more. */
    @Override
    public void close() {
        arena.close();
    }

    @Override
    public String toString() {
        return bytes.source();
    }
}
