package org.backstitch.bytes;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@link BytesTest} does not see: files so large that no buffer shows them whole, and offsets that nobody checked. */
class WordsTest {
    private static final long GIGABYTE = 1L << 30;

    @TempDir
    private Path directory;

    /** A file of three gigabytes and ten bytes, with 0 to 15 around each gigabyte and in its last bytes; the rest takes no room. */
    private Path largeFile() throws IOException {
        Path path = directory.resolve("large");
        byte[] pattern = new byte[16];
        for (int i = 0; i < pattern.length; i++) {
            pattern[i] = (byte) i;
        }
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            for (long around : new long[] {GIGABYTE, 2 * GIGABYTE, 3 * GIGABYTE + 2}) {
                file.seek(around - 8);
                file.write(pattern);
            }
        }
        return path;
    }

    @Test
    void numbersAcrossTheGigabytes() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            Bytes bytes = Bytes.map(largeFile(), arena);
            Words words = bytes.words();
            assertEquals(3 * GIGABYTE + 10, bytes.size());
            for (long around : new long[] {GIGABYTE, 2 * GIGABYTE, 3 * GIGABYTE + 2}) {
                for (int i = 0; i < 16; i++) {
                    long at = around - 8 + i;
                    assertEquals(i, words.u8(at));
                    if (i <= 14) {
                        assertEquals(i | i + 1 << 8, words.u16(at));
                    }
                    if (i <= 12) {
                        int expected = i | i + 1 << 8 | i + 2 << 16 | i + 3 << 24;
                        assertEquals(expected, words.i32(at));
                        assertEquals(expected, words.u32(at));
                    }
                    if (i <= 8) {
                        assertEquals(0x0706_0504_0302_0100L + 0x0101_0101_0101_0101L * i, words.i64(at));
                        assertEquals(words.i64(at), bytes.i64(at));
                    }
                }
            }
        }
    }

    @Test
    void copiesAndStringsAcrossTheGigabytes() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            Bytes bytes = Bytes.map(largeFile(), arena);
            assertArrayEquals(new byte[] {5, 6, 7, 8, 9}, bytes.copy(GIGABYTE - 3, 5));
            byte[] target = {1, 1, 1, 1, 1};
            bytes.copyTo(target, 2 * GIGABYTE - 1, 4);
            assertArrayEquals(new byte[] {7, 8, 9, 10, 1}, target);
            assertEquals("\1\2\3\4\5\6\7\b\t\n\13\f\r\16\17", bytes.cString(GIGABYTE - 7));
            assertEquals("\7\b\t", bytes.slice(2 * GIGABYTE - 4, 100).paddedString(3, 3));
        }
    }

    @Test
    void nothingBehindTheEndIsRead() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            Words words = Bytes.map(largeFile(), arena).words();
            long end = 3 * GIGABYTE + 10;
            assertEquals(15, words.u8(end - 1));
            assertThrows(IndexOutOfBoundsException.class, () -> words.u8(end));
            assertThrows(IndexOutOfBoundsException.class, () -> words.u16(end - 1));
            assertThrows(IndexOutOfBoundsException.class, () -> words.i32(end - 3));
            assertThrows(IndexOutOfBoundsException.class, () -> words.i64(end - 7));
            assertThrows(IndexOutOfBoundsException.class, () -> words.i64(4 * GIGABYTE));
            for (long absurd :
                    new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 62, 3L << 62, (1L << 62) + GIGABYTE}) {
                assertThrows(IndexOutOfBoundsException.class, () -> words.u8(absurd));
                assertThrows(IndexOutOfBoundsException.class, () -> words.i64(absurd));
            }
            assertThrows(IndexOutOfBoundsException.class, () -> words.copyTo(new byte[4], end - 3, 4));
        }
    }

    @Test
    void aSliceHasNoWordsOfItsOwn() {
        Bytes bytes = Bytes.of(new byte[8], "test");
        assertEquals(0, bytes.words().i64(0));
        assertThrows(IllegalStateException.class, () -> bytes.slice(0, 7).words());
        assertThrows(IllegalStateException.class, () -> bytes.slice(1, 7).words());
        assertEquals(3, bytes.slice(1, 3).segment().byteSize());
    }

    /** A NUL wherever it can lie among eight bytes, before it bytes that borrow. */
    @Test
    void stringsEndAtTheFirstNul() {
        for (int length = 0; length < 20; length++) {
            byte[] array = new byte[24];
            Arrays.fill(array, (byte) 1);
            array[length] = 0;
            Bytes bytes = Bytes.of(array, "test");
            assertEquals("\1".repeat(length), bytes.cString(0));
            assertEquals("\1".repeat(length), bytes.paddedString(0, 24));
            assertEquals("\1".repeat(Math.min(length, 9)), bytes.paddedString(0, 9));
            for (int from = 0; from <= length; from++) {
                assertEquals("\1".repeat(length - from), bytes.cString(from));
            }
        }
    }
}
