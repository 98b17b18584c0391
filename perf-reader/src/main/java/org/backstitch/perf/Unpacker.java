package org.backstitch.perf;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import org.backstitch.bytes.Words;

/**
 * Writes the records of a compressed recording flat: what {@code perf record -z} packed is unpacked in its place, everything else
 * stays as it is.
 *
 * <p>A COMPRESSED record holds a piece of one zstd stream, in which records follow each other as they came from the kernel's buffers;
 * a record may begin in one piece and end in the next, with records of the perf tool between the two. So what is unpacked is held
 * back until a record is complete.
 *
 * <p>Memory is bounded by one record and the window of zstd (at most 128 MiB); the output by {@link #MAX_RATIO} times the input.
 */
final class Unpacker implements AutoCloseable {
    /** How many bytes one compressed byte may stand for: far more than real stacks reach, far less than a bomb's. */
    private static final long MAX_RATIO = 4096;

    /** How many bytes are unpacked whatever the ratio. */
    private static final long FREE_BYTES = 64 << 20;

    private static final int ZSTD_MAGIC = 0xfd2fb528;
    private static final int MAX_RECORD = 0xffff;
    private static final int BUFFER_SIZE = 1 << 20;

    /** The most bytes that perf puts into one COMPRESSED2 record, header not counted ({@code record__pushfn}). */
    private static final int MAX_PIECE = 65519;

    private final WritableByteChannel out;
    private final Anomalies anomalies;
    private final ZstdDecompressCtx zstd = new ZstdDecompressCtx();
    private final ByteBuffer packed = ByteBuffer.allocateDirect(MAX_RECORD).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer unpacked = ByteBuffer.allocateDirect(BUFFER_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer copied = ByteBuffer.allocateDirect(BUFFER_SIZE);

    private long packedBytes;
    private long unpackedBytes;
    private boolean broken;
    private boolean open = true;

    /** Set when a record of impossible size came out: from there on there are no records to be held back. */
    private boolean unframed;

    Unpacker(WritableByteChannel out, Anomalies anomalies) {
        this.out = out;
        this.anomalies = anomalies;
    }

    /** Whether a record holds compressed ones. */
    static boolean isPacked(int type) {
        return type == RecordType.COMPRESSED || type == RecordType.COMPRESSED2;
    }

    /**
     * Writes all records that {@code cursor} walks over.
     *
     * @param withRounds whether FINISHED_ROUND records stay: they say nothing about records that lie in another file
     */
    void unpack(Words words, RecordCursor cursor, boolean withRounds) throws IOException {
        while (cursor.next()) {
            take(words, cursor, withRounds);
        }
        finish(words, cursor);
    }

    /** Writes the record that {@code cursor} has stepped to. */
    void take(Words words, RecordCursor cursor, boolean withRounds) throws IOException {
        if (isPacked(cursor.type())) {
            unpackRecord(words, cursor);
        } else if (withRounds || cursor.type() != RecordType.FINISHED_ROUND) {
            copy(words, cursor.offset(), cursor.nextOffset());
        }
    }

    /** Writes what is left when {@code cursor} has come to the end. Nothing may follow. */
    void finish(Words words, RecordCursor cursor) throws IOException {
        unpackCutRecord(words, cursor);
        unpacked.flip();
        write(unpacked); // The beginning of a record whose rest never came: the reader will say so.
        open = false;
    }

    /** Whether more may be taken. */
    boolean isOpen() {
        return open;
    }

    /** What is there of a compressed record that the end of the file cuts off may hold whole records. */
    private void unpackCutRecord(Words words, RecordCursor cursor) throws IOException {
        long offset = cursor.cutOffset();
        int type = offset < 0 ? 0 : words.i32(offset);
        if (isPacked(type)) {
            long start = offset
                    + (type == RecordType.COMPRESSED ? SampleLayout.HEADER_SIZE : RecordCursor.COMPRESSED2_HEADER_SIZE);
            if (start < cursor.nextOffset()) {
                unpackPiece(words, start, cursor.nextOffset(), offset);
            }
        }
    }

    private void copy(Words words, long start, long end) throws IOException {
        for (long at = start; at < end; ) {
            int length = (int) Math.min(end - at, copied.capacity());
            copied.clear().limit(length);
            MemorySegment.ofBuffer(copied).copyFrom(words.segment().asSlice(at, length));
            write(copied);
            at += length;
        }
    }

    private void write(ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            out.write(buffer);
        }
    }

    private void unpackRecord(Words words, RecordCursor cursor) throws IOException {
        long start = cursor.offset() + SampleLayout.HEADER_SIZE;
        long end = cursor.offset() + cursor.size();
        if (cursor.type() == RecordType.COMPRESSED) {
            unpackPiece(words, start, end, cursor.offset());
            return;
        }
        long size = end - start < 8 ? -1 : words.i64(start);
        start += 8;
        if (size < 0 || size > end - start) {
            broken(cursor.offset(), "a compressed record that is shorter than what it holds");
            return;
        }
        end = start + size;
        while (end - start > MAX_PIECE) {
            // More than one record would hold: perf cut it in pieces, and gave each but the first a header, in which
            // only the type
            // and the size are set. See RecordCursor#compressedSize.
            unpackPiece(words, start, start + MAX_PIECE, cursor.offset());
            start += MAX_PIECE;
            long header = end - start < RecordCursor.COMPRESSED2_HEADER_SIZE ? 0 : words.i64(start);
            long piece = header >>> 48;
            start += RecordCursor.COMPRESSED2_HEADER_SIZE;
            if ((int) header != RecordType.COMPRESSED2
                    || piece != Math.min(end - start, MAX_PIECE) + RecordCursor.COMPRESSED2_HEADER_SIZE) {
                broken(cursor.offset(), "an oversized compressed record that is not made of smaller ones");
                return;
            }
        }
        unpackPiece(words, start, end, cursor.offset());
    }

    private void unpackPiece(Words words, long start, long end, long offset) throws IOException {
        int length = (int) (end - start);
        packed.clear().limit(length);
        MemorySegment.ofBuffer(packed).copyFrom(words.segment().asSlice(start, length));
        if (broken) {
            if (length < 4 || packed.getInt(0) != ZSTD_MAGIC) {
                broken(offset, "compressed records behind damaged ones");
                return;
            }
            broken = false; // A new stream starts here, as where recordings were joined.
        }
        packedBytes += length;
        try {
            drain(offset);
        } catch (ZstdException e) {
            broken(offset, "compressed records that zstd cannot unpack: " + e.getMessage());
        }
    }

    private void drain(long offset) throws IOException {
        while (packed.hasRemaining()) {
            int inBefore = packed.position();
            int outBefore = unpacked.position();
            zstd.decompressDirectByteBufferStream(unpacked, packed);
            unpackedBytes += unpacked.position() - outBefore;
            if (unpackedBytes - FREE_BYTES > MAX_RATIO * packedBytes) {
                broken(offset, "records that unpack to more than " + MAX_RATIO + " times their size");
                return;
            }
            boolean stuck = packed.position() == inBefore && unpacked.position() == outBefore;
            writeCompleteRecords();
            if (stuck) {
                broken(offset, "compressed records that zstd makes no progress on");
                return;
            }
        }
        flushWindow();
    }

    /** Takes what the stream still holds back because the output was full when the input ended. */
    private void flushWindow() throws IOException {
        int before;
        do {
            before = unpacked.position();
            packed.position(packed.limit());
            zstd.decompressDirectByteBufferStream(unpacked, packed);
            unpackedBytes += unpacked.position() - before;
            before = unpacked.position() - before;
            writeCompleteRecords();
        } while (before > 0);
    }

    private void broken(long offset, String reason) {
        anomalies.add(Anomalies.Kind.BAD_COMPRESSION, offset, reason);
        if (!broken) {
            zstd.reset();
        }
        broken = true;
    }

    /** Writes what is complete, and moves the rest to the buffer's start. */
    private void writeCompleteRecords() throws IOException {
        int end = unpacked.position();
        int complete = unframed ? end : 0;
        while (!unframed && end - complete >= SampleLayout.HEADER_SIZE) {
            int size = unpacked.getShort(complete + 6) & 0xffff;
            if (size < SampleLayout.HEADER_SIZE) {
                unframed = true;
                complete = end;
            } else if (size > end - complete) {
                break;
            } else {
                complete += size;
            }
        }
        if (complete > 0) {
            unpacked.flip().limit(complete);
            write(unpacked);
            unpacked.limit(end);
            unpacked.compact();
        }
    }

    @Override
    public void close() {
        zstd.close();
    }
}
