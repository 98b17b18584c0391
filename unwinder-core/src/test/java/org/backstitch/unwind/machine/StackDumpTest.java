package org.backstitch.unwind.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StackDumpTest {
    private static final long ADDRESS = 0x7ffe_0000_1000L;
    private static final long GIGABYTE = 1L << 30;

    @TempDir
    private Path directory;

    /** Dumps all over a file that no buffer can show, in any order, and over the places where one buffer ends. */
    @Test
    void aLargeFile() throws IOException {
        long size = 5 * GIGABYTE / 2 + 3;
        long[] places = {
            0,
            GIGABYTE / 2 - 4,
            GIGABYTE - 8,
            GIGABYTE - 3,
            3 * GIGABYTE / 2 - 1,
            2 * GIGABYTE - 5,
            size - 48,
            GIGABYTE / 2,
            16
        };
        try (FileChannel file = FileChannel.open(
                        directory.resolve("sparse"),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
                Arena arena = Arena.ofConfined()) {
            file.write(ByteBuffer.wrap(new byte[1]), size - 1);
            MemorySegment mapped = file.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            StackDump dump = new StackDump();
            for (long place : places) {
                // A word that says where it is, in the middle of six.
                ByteBuffer word = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
                file.write(word.putLong(0, ~place), place + 16);
                dump.set(mapped, place, ADDRESS, 48);
                assertEquals(~place, (long) StackDump.WORDS.get(dump.buffer(), dump.bufferOffset() + 16));
                assertEquals(~place, dump.readLong(ADDRESS + 16));
                assertEquals(~place & 0xff_ffff, dump.read(ADDRESS + 16, 3));
                assertTrue(dump.buffer().limit() - dump.bufferOffset() >= 48);
            }
        }
    }

    @Test
    void neighboursShareABuffer() {
        MemorySegment stacks = MemorySegment.ofArray(new byte[256]);
        StackDump dump = new StackDump().set(stacks, 100, ADDRESS, 50);
        ByteBuffer buffer = dump.buffer();
        assertSame(buffer, dump.set(stacks, 206, ADDRESS, 50).buffer());
        assertSame(buffer, dump.set(stacks, 0, ADDRESS, 256).buffer());
        assertEquals(0, dump.bufferOffset());
        assertEquals(
                8, dump.set(MemorySegment.ofArray(new byte[24]), 8, ADDRESS, 16).bufferOffset());
        assertEquals(24, dump.buffer().limit());
    }

    @Test
    void bounds() {
        MemorySegment stacks = MemorySegment.ofArray(new byte[64]);
        StackDump dump = new StackDump();
        assertThrows(IndexOutOfBoundsException.class, () -> dump.set(stacks, -1, ADDRESS, 8));
        assertThrows(IndexOutOfBoundsException.class, () -> dump.set(stacks, 0, ADDRESS, -1));
        assertThrows(IndexOutOfBoundsException.class, () -> dump.set(stacks, 1, ADDRESS, 64));
        assertThrows(
                IndexOutOfBoundsException.class,
                () -> dump.set(MemorySegment.NULL.reinterpret(GIGABYTE), 0, ADDRESS, GIGABYTE / 2 + 1));
        dump.set(stacks, 0, ADDRESS, 64);
        assertTrue(dump.isReadable(ADDRESS + 56, 8));
        assertFalse(dump.isReadable(ADDRESS + 57, 8));
        assertFalse(dump.isReadable(ADDRESS - 1, 1));
        assertThrows(IllegalArgumentException.class, () -> dump.readLong(ADDRESS + 57));
        dump.clear(ADDRESS);
        assertFalse(dump.isReadable(ADDRESS, 1));
        assertEquals(Memory.Absence.NOT_RECORDED, dump.absence(ADDRESS));
    }
}
