package org.backstitch.perf;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;

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
    /** How far a record is looked for where one might start, in bytes: some times the largest record. */
    private static final long GUESSED_WITHIN = 1 << 20;

    /** How many bytes of a recording are given back in one go. */
    private static final long GIVEN_BACK_AT_ONCE = 32 << 20;

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
        boolean compressed = header.features().containsKey(PerfFeatures.COMPRESSED) || metadata.isCompressed();
        if (!compressed && others.isEmpty()) {
            return create(arena, file, header.dataStart(), header.dataEnd(), header, metadata, false, anomalies);
        }
        EventTable table = new EventTable(metadata.placeholders());
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
        RecordCursor cursor = new RecordCursor(file.words(), start, end, table, anomalies);
        try (Unpacker unpacker = new Unpacker(channel, anomalies)) {
            unpacker.unpack(file.words(), cursor, withRounds);
        }
    }

    static PerfFile create(
            Arena arena,
            Bytes bytes,
            long start,
            long end,
            FileHeader header,
            Metadata metadata,
            boolean compressed,
            Anomalies anomalies) {
        if (metadata.isEmpty()) {
            throw bytes.malformed(header.isPipe() ? start : 24, "a recording that describes no events");
        }
        PerfFeatures features = metadata.features(header, anomalies);
        List<PerfEvent> events = metadata.events(features, anomalies);
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
        return new RecordCursor(bytes.words(), start, end, table, sink);
    }

    /**
     * A guess where a record starts, for those who want to read a recording from several places at once: from there several headers
     * follow each other that can be those of records. Whether it is right is known when a cursor that comes from the start arrives
     * there.
     *
     * @param from where to look first: an offset in the records
     * @return the first such place; {@link #recordsEnd} if there is none within a megabyte, as in the middle of a hardware trace
     */
    public long likelyRecord(long from) {
        long until = Math.min(end, from + GUESSED_WITHIN);
        long found = Resync.find(bytes.words(), from, until, table);
        return found == until ? end : found;
    }

    /** A cursor for samples, on none yet. */
    public SampleCursor samples() {
        return new SampleCursor(bytes.words(), end, table);
    }

    /** A cursor for mappings, on none yet. */
    public MappingCursor mappings() {
        return new MappingCursor(bytes, table);
    }

    /** A cursor for user callchains that came late, on none yet. */
    public LateCallchainCursor lateCallchains() {
        return new LateCallchainCursor(bytes, table);
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
        giveBack();
        arena.close();
    }

    /**
     * Gives the recording's pages back, bit by bit: while the kernel unmaps them all at once, which takes long if they are many, other
     * threads that need memory have to wait.
     */
    private void giveBack() {
        MemorySegment memory = bytes.segment();
        if (memory.isMapped()) {
            for (long at = 0; at < memory.byteSize(); at += GIVEN_BACK_AT_ONCE) {
                memory.asSlice(at, Math.min(GIVEN_BACK_AT_ONCE, memory.byteSize() - at))
                        .unload();
            }
        }
    }

    @Override
    public String toString() {
        return bytes.source();
    }
}
