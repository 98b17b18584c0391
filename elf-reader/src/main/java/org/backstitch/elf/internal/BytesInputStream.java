package org.backstitch.elf.internal;

import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.backstitch.bytes.Bytes;

/** Streams a view of bytes, for decompressors that read nothing else. Not thread-safe. */
public final class BytesInputStream extends InputStream {
    private final MemorySegment segment;
    private long position;

    public BytesInputStream(Bytes bytes) {
        this.segment = bytes.segment();
    }

    /** The number of bytes that have been taken. */
    public long position() {
        return position;
    }

    @Override
    public int read() {
        return position == segment.byteSize() ? -1 : segment.get(ValueLayout.JAVA_BYTE, position++) & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
        if (length == 0) {
            return 0;
        }
        int n = (int) Math.min(length, segment.byteSize() - position);
        if (n == 0) {
            return -1;
        }
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, position, target, offset, n);
        position += n;
        return n;
    }

    @Override
    public long skip(long n) {
        long skipped = Math.max(0, Math.min(n, segment.byteSize() - position));
        position += skipped;
        return skipped;
    }

    @Override
    public int available() {
        return (int) Math.min(Integer.MAX_VALUE, segment.byteSize() - position);
    }
}
