package org.backstitch.perf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.backstitch.bytes.Words;

/**
 * A temporary file that grows while it is read: appended to by one thread, read through one mapping by any.
 *
 * <p>It is mapped once, as far as it may ever reach, so that an offset in it stays good. The file is sparse; only what was written
 * takes room on the disk, and of memory only the pages that are in use. It has no name any more when it is created.
 */
final class Spool implements WritableByteChannel {
    /** How far it may reach, in bytes: more than a recording has; less where the file system or a limit of the process says so. */
    private static final long LARGEST = 1L << 40;

    private static final long SMALLEST = 1L << 28;

    private final FileChannel channel;
    private final Words words;
    private long size;

    private Spool(FileChannel channel, Words words) {
        this.channel = channel;
        this.words = words;
    }

    /**
     * Creates an empty one.
     *
     * @param arena owns the mapping
     * @throws IOException if there is no room for a temporary file
     */
    static Spool create(Arena arena) throws IOException {
        Path file = Files.createTempFile("backstitch", ".perf");
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            Files.delete(file);
            return new Spool(channel, Words.of(map(channel, arena)));
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static MemorySegment map(FileChannel channel, Arena arena) throws IOException {
        for (long reach = LARGEST; ; reach /= 2) {
            try {
                return channel.map(FileChannel.MapMode.READ_WRITE, 0, reach, arena)
                        .asReadOnly();
            } catch (IOException e) {
                if (reach == SMALLEST) {
                    throw e;
                }
            }
        }
    }

    /** The mapping: zeros where nothing has been written yet. */
    Words words() {
        return words;
    }

    /** How many bytes were written. */
    long size() {
        return size;
    }

    /** Appends all of the buffer. */
    @Override
    public int write(ByteBuffer buffer) throws IOException {
        int length = buffer.remaining();
        if (length > words.segment().byteSize() - size) {
            throw new IOException("more than the " + words.segment().byteSize()
                    + " bytes that a temporary file may have here; write the recording to a file");
        }
        while (buffer.hasRemaining()) {
            size += channel.write(buffer, size);
        }
        return length;
    }

    @Override
    public boolean isOpen() {
        return channel.isOpen();
    }

    /** Gives the room back, as soon as the mapping is gone too. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
