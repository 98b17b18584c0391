package org.backstitch.elf.internal;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.util.zip.InflaterInputStream;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.tukaani.xz.XZInputStream;

/**
 * Decompresses views of bytes into memory outside of the heap that lives as long as somebody refers to it.
 *
 * <p>Besides the output, a decompressor takes memory for its window (zstd) or dictionary (xz), whose size the input claims; that is
 * bounded by 128 and 256 MiB, which covers the largest that Linux builds use.
 */
public final class Inflation {
    /** How much memory an xz or lzma decoder may take, in KiB. */
    public static final int XZ_MEMORY_LIMIT_KIB = 256 * 1024;

    private static final int ZSTD_WINDOW_LOG_MAX = 27;

    /** How many bytes may come out whatever went in. */
    private static final long FREE_BYTES = 64L << 20;

    /** How many bytes may come out for each one that goes in, beyond those; debug information comes to ten, a kernel to five. */
    private static final long MAX_RATIO = 256;

    private Inflation() {}

    /** Opens the decompressed form of a stream. */
    @FunctionalInterface
    public interface Codec {
        InputStream open(InputStream compressed) throws IOException;
    }

    /** RFC 1950. */
    public static InputStream zlib(InputStream compressed) {
        return new InflaterInputStream(compressed);
    }

    /** RFC 8878; several frames are read as one. */
    public static InputStream zstd(InputStream compressed) throws IOException {
        return new ZstdInputStreamNoFinalizer(compressed).setLongMax(ZSTD_WINDOW_LOG_MAX);
    }

    /** The .xz file format 1.1, with every filter that xz-utils knows for x86. */
    public static InputStream xz(InputStream compressed) throws IOException {
        return new XZInputStream(compressed, XZ_MEMORY_LIMIT_KIB);
    }

    /**
     * Decompresses {@code compressed} as a whole.
     *
     * @param name what the result is called: source of the result, and of errors in it
     * @param limit the largest number of bytes that may come out
     * @throws MalformedInputException if the data is not what the codec reads, or inflates beyond the limit
     */
    public static Bytes inflate(Bytes compressed, Codec codec, String name, long limit) {
        try (GrowingBuffer buffer = new GrowingBuffer(limit);
                InputStream in = codec.open(new BytesInputStream(compressed))) {
            buffer.readAll(in);
            return Bytes.of(buffer.toSegment(Arena.ofAuto()), name);
        } catch (GrowingBuffer.LimitExceededException e) {
            throw compressed.malformed(0, name + " inflates to " + e.getMessage());
        } catch (IOException e) {
            throw compressed.malformed(0, name + " cannot be decompressed: " + reason(e));
        } catch (RuntimeException e) {
            throw refused(compressed, name + " cannot be decompressed", e);
        }
    }

    /**
     * How many bytes may be made of {@code compressed} ones at most: memory is bounded by what a file really holds. Not for dumps of
     * memory, which may be zero for the most part.
     */
    public static long allowance(long compressed) {
        return compressed > (Long.MAX_VALUE - FREE_BYTES) / MAX_RATIO
                ? Long.MAX_VALUE
                : FREE_BYTES + MAX_RATIO * compressed;
    }

    /**
     * What is to be thrown when a decoder fails on bytes that a stranger wrote, be it with an exception that it does not declare: then the
     * bytes are malformed.
     */
    public static MalformedInputException refused(Bytes source, String what, RuntimeException e) {
        return e instanceof MalformedInputException malformed
                ? malformed
                : source.malformed(0, what + ": " + reason(e));
    }

    private static String reason(Exception e) {
        String message = e.getMessage();
        return message != null ? message : e.getClass().getSimpleName();
    }
}
