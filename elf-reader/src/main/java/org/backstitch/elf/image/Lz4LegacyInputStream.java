package org.backstitch.elf.image;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorInputStream;
import org.jspecify.annotations.Nullable;

/**
 * The legacy frame format of LZ4 ("LZ4 Frame Format Description", section "Legacy frame"): a magic number, then blocks, each a 32-bit
 * compressed size and an independent LZ4 block of at most 8 MiB when decompressed. The end of the data ends the frame.
 */
final class Lz4LegacyInputStream extends InputStream {
    private static final int MAGIC = 0x184c2102;
    private static final int MAX_BLOCK_SIZE = 8 << 20;
    /** The most that a block of incompressible bytes grows: LZ4_COMPRESSBOUND. */
    private static final int MAX_COMPRESSED_SIZE = MAX_BLOCK_SIZE + MAX_BLOCK_SIZE / 255 + 16;

    private final InputStream in;
    private @Nullable InputStream block;
    private int leftInBlock;

    Lz4LegacyInputStream(InputStream in) throws IOException {
        this.in = in;
        Integer magic = readInt();
        if (magic == null || magic != MAGIC) {
            throw new IOException("not a legacy lz4 frame");
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        while (true) {
            InputStream current = block;
            if (current == null) {
                current = nextBlock();
                if (current == null) {
                    return -1;
                }
                block = current;
                leftInBlock = MAX_BLOCK_SIZE;
            }
            int n = current.read(target, offset, length);
            if (n > 0) {
                leftInBlock -= n;
                if (leftInBlock < 0) {
                    throw new IOException("an lz4 block of more than 8 MiB");
                }
                return n;
            }
            block = null;
        }
    }

    private @Nullable InputStream nextBlock() throws IOException {
        Integer size = readInt();
        while (size != null && size == MAGIC) { // frames may follow each other
            size = readInt();
        }
        if (size == null) {
            return null;
        }
        if (size <= 0 || size > MAX_COMPRESSED_SIZE) {
            throw new IOException("an lz4 block of " + Integer.toUnsignedString(size) + " compressed bytes");
        }
        byte[] compressed = in.readNBytes(size);
        if (compressed.length != size) {
            throw new EOFException("the last lz4 block is cut off");
        }
        return new BlockLZ4CompressorInputStream(new ByteArrayInputStream(compressed));
    }

    private @Nullable Integer readInt() throws IOException {
        byte[] raw = in.readNBytes(4);
        if (raw.length == 0) {
            return null;
        }
        if (raw.length < 4) {
            throw new EOFException("the size of an lz4 block is cut off");
        }
        return (raw[0] & 0xff) | (raw[1] & 0xff) << 8 | (raw[2] & 0xff) << 16 | (raw[3] & 0xff) << 24;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
