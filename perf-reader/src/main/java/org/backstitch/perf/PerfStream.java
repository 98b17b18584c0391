package org.backstitch.perf;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * A recording that comes through a pipe ({@code perf record -o -}), record by record, while it is being made.
 *
 * <p>What has come lies in a temporary file, compressed records unpacked behind each other, so that a record that was met can be read
 * again by its offset. Memory does not grow with it.
 *
 * <p>Opening reads up to the first sample. What the recording says about itself (its events, their names, its features) is taken from
 * there; the perf tool writes all of it before.
 *
 * <p>One thread steps; the records that were met may be read by any.
 */
public final class PerfStream implements AutoCloseable {
    private static final int READ_SIZE = 1 << 18;

    private final InputStream stream;
    private final Arena arena;
    private final Spool arrived;
    private final byte[] piece = new byte[READ_SIZE];
    private final Packed packed;
    private final PerfFile file;
    private final RecordCursor records;
    private final Spool flat;
    private boolean ended;

    /** Of a compressed stream: what unpacks it. Of others there is nothing to do. */
    private record Packed(
            @Nullable RecordCursor cursor, @Nullable Unpacker unpacker) {}

    private PerfStream(InputStream stream, String name, Arena arena, Spool arrived) throws IOException {
        this.stream = stream;
        this.arena = arena;
        this.arrived = arrived;
        Anomalies anomalies = new Anomalies();
        Bytes bytes = Bytes.of(arrived.words(), name);
        while (arrived.size() < FileHeader.PIPE_SIZE && fill()) {
            // A pipe may give few bytes at a time.
        }
        FileHeader header = FileHeader.read(Bytes.of(bytes.segment().asSlice(0, arrived.size()), name), anomalies);
        if (!header.isPipe()) {
            throw bytes.malformed(8, "a recording in file mode, which says at its end what it holds");
        }
        Metadata metadata = new Metadata(bytes, anomalies);
        readMetadata(bytes, metadata);
        if (metadata.isCompressed()) {
            EventTable table = new EventTable(metadata.placeholders());
            RecordCursor cursor =
                    new RecordCursor(arrived.words(), FileHeader.PIPE_SIZE, arrived.size(), table, anomalies);
            this.flat = Spool.create(arena);
            this.packed = new Packed(cursor, new Unpacker(flat, anomalies));
            Bytes unpacked = Bytes.of(flat.words(), name + "(unpacked)");
            this.file = PerfFile.create(
                    arena, unpacked, 0, flat.words().segment().byteSize(), header, metadata, true, anomalies);
        } else {
            this.flat = arrived;
            this.packed = new Packed(null, null);
            this.file = PerfFile.create(
                    arena, bytes, FileHeader.PIPE_SIZE, bytes.size(), header, metadata, false, anomalies);
        }
        this.records = file.records();
        records.endsAt(packed.cursor == null ? flat.size() : 0);
    }

    /**
     * Whether a stream begins as what a pipe carries; another must be read to its end before anything can be said
     * ({@link PerfFile#open(InputStream, String)}).
     *
     * @param stream is left where it was
     * @throws IllegalArgumentException if it cannot be set back
     */
    public static boolean isPipeMode(InputStream stream) throws IOException {
        if (!stream.markSupported()) {
            throw new IllegalArgumentException("a stream without marks");
        }
        stream.mark(FileHeader.PIPE_SIZE);
        byte[] head = stream.readNBytes(FileHeader.PIPE_SIZE);
        stream.reset();
        Bytes bytes = Bytes.of(head, "stream");
        return head.length == FileHeader.PIPE_SIZE
                && bytes.i64(0) == FileHeader.MAGIC
                && bytes.i64(8) == FileHeader.PIPE_SIZE;
    }

    /**
     * Opens a recording in pipe mode, and reads it up to its first sample.
     *
     * @param name what error messages call it
     * @throws IOException if the stream cannot be read, or no temporary file can be written
     * @throws org.backstitch.bytes.MalformedInputException if it is no recording, or not in pipe mode
     */
    @SuppressWarnings("MustBeClosedChecker") // close() closes the arena; when nothing is returned, it is closed here.
    public static PerfStream open(InputStream stream, String name) throws IOException {
        Arena arena = Arena.ofShared();
        Spool arrived = null;
        try {
            arrived = Spool.create(arena);
            return new PerfStream(stream, name, arena, arrived);
        } catch (IOException | RuntimeException | Error e) {
            arena.close();
            if (arrived != null) {
                arrived.close();
            }
            throw e;
        }
    }

    /** Takes what the records before the first sample say. */
    private void readMetadata(Bytes bytes, Metadata metadata) throws IOException {
        RecordCursor cursor = cursor(metadata, FileHeader.PIPE_SIZE);
        boolean ofKernel = false;
        while (step(cursor)) {
            metadata.take(cursor, true);
            switch (cursor.type()) {
                case RecordType.SAMPLE,
                        RecordType.CALLCHAIN_DEFERRED,
                        RecordType.FINISHED_ROUND,
                        RecordType.COMPRESSED,
                        RecordType.COMPRESSED2 -> {
                    return;
                }
                default -> {}
            }
            if (cursor.type() < RecordType.USER_TYPE_START && !ofKernel) {
                // By now all events are described, and records of the kernel can be told from damage.
                ofKernel = true;
                cursor = cursor(metadata, cursor.nextOffset());
            }
        }
        if (metadata.isEmpty()) {
            throw bytes.malformed(FileHeader.PIPE_SIZE, "a recording that describes no events");
        }
    }

    /** Damage that it meets is met again, and counted, when the records are stepped through. */
    private RecordCursor cursor(Metadata metadata, long from) {
        EventTable table = new EventTable(metadata.placeholders());
        return new RecordCursor(arrived.words(), from, arrived.size(), table, new Anomalies());
    }

    /** Steps a cursor over what has arrived, and waits for more where a record is not whole. */
    private boolean step(RecordCursor cursor) throws IOException {
        while (!cursor.isNextWhole() && fill()) {
            cursor.endsAt(arrived.size());
        }
        return cursor.next();
    }

    /** Reads what is there, and waits only if nothing is; false at the end. */
    private boolean fill() throws IOException {
        if (ended) {
            return false;
        }
        int count = stream.read(piece);
        ended = count < 0;
        if (count > 0) {
            arrived.write(ByteBuffer.wrap(piece, 0, count));
        }
        return !ended;
    }

    /**
     * Steps to the next record, and waits for it if it has not come.
     *
     * @return whether there is one
     */
    public boolean next() throws IOException {
        while (!records.isNextWhole() && more()) {
            records.endsAt(flat.size());
        }
        return records.next();
    }

    /** Takes in some more records, or bytes of one; false if there is nothing to come. */
    private boolean more() throws IOException {
        RecordCursor cursor = packed.cursor;
        Unpacker unpacker = packed.unpacker;
        if (cursor == null || unpacker == null) {
            return fill();
        }
        if (!unpacker.isOpen()) {
            return false;
        }
        if (step(cursor)) {
            unpacker.take(arrived.words(), cursor, true);
        } else {
            unpacker.finish(arrived.words(), cursor);
        }
        return true;
    }

    /** Takes in what has come; whether {@link #next} would not have to wait then. A stream that has ended may not have said so. */
    public boolean isReady() throws IOException {
        RecordCursor cursor = packed.cursor;
        while (!ended && !records.isNextWhole()) {
            boolean waits = cursor == null || !cursor.isNextWhole();
            if (waits && (stream.available() == 0 || !fill())) {
                return ended;
            }
            if (cursor == null) {
                records.endsAt(flat.size());
            } else {
                cursor.endsAt(arrived.size());
                if (cursor.isNextWhole()) {
                    more();
                    records.endsAt(flat.size());
                }
            }
        }
        return true;
    }

    /** The record stepped to. */
    public RecordCursor record() {
        return records;
    }

    /**
     * What the recording says about itself, and its records by their offsets. Its {@linkplain PerfFile#recordsEnd end} is as far as the
     * temporary file may reach: for walks over what has come there is {@link #next}.
     */
    public PerfFile file() {
        return file;
    }

    /** Unmaps what has come: neither cursors nor bytes may be used any more. The stream is not closed. */
    @Override
    public void close() throws IOException {
        arena.close();
        if (packed.unpacker != null) {
            packed.unpacker.close();
        }
        try {
            arrived.close();
        } finally {
            flat.close();
        }
    }
}
