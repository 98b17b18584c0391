package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.Deflater;
import org.apache.commons.compress.compressors.snappy.SnappyCompressorOutputStream;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.Extent;
import org.backstitch.fixtures.KdumpFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files written from the format's description, in every version and compression; a real one is read in {@link KernelDumpTest}. */
class CompressedCoreTest {
    private static final int ZLIB = 1;
    private static final int LZO = 2;
    private static final int SNAPPY = 4;
    private static final int ZSTD = 32;

    /** A page that compresses, different for each frame. */
    private static byte[] page(long frame) {
        byte[] page = new byte[KdumpFile.PAGE_SIZE];
        for (int i = 0; i < page.length; i++) {
            page[i] = (byte) (frame * 7 + i / 64);
        }
        return page;
    }

    private static byte[] zlib(byte[] page) {
        try (Deflater deflater = new Deflater()) {
            deflater.setInput(page);
            deflater.finish();
            byte[] out = new byte[2 * page.length];
            return Arrays.copyOf(out, deflater.deflate(out));
        }
    }

    private static byte[] snappy(byte[] page) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (SnappyCompressorOutputStream snappy = new SnappyCompressorOutputStream(out, page.length)) {
            snappy.write(page);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return out.toByteArray();
    }

    private static KdumpFile file(int version) {
        return new KdumpFile(version)
                .page(0, page(0), 0)
                .page(1, zlib(page(1)), ZLIB)
                .page(7, Zstd.compress(page(7)), ZSTD)
                .page(8, snappy(page(8)), SNAPPY)
                .page(4095, zlib(page(4095)), ZLIB)
                .page(4096, page(4096), 0)
                .page(70000, Zstd.compress(page(70000)), ZSTD);
    }

    private static CompressedCore read(byte[] file) {
        return CompressedCore.read(new ByteStore.Plain(Bytes.of(file, "test")));
    }

    private static void assertHolds(CompressedCore core, long... frames) {
        for (long frame : frames) {
            Extent extent = core.at((frame << 12) + 5);
            assertNotNull(extent, "frame " + frame);
            assertEquals(frame << 12, extent.address());
            assertArrayEquals(page(frame), extent.bytes().copy(0, KdumpFile.PAGE_SIZE), "frame " + frame);
        }
    }

    private static String refusal(byte[] file) {
        return assertThrows(MalformedInputException.class, () -> VmCore.of(Bytes.of(file, "test")))
                .reason();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void everyVersionAndCompression(int version) {
        CompressedCore core = read(file(version).bytes());
        assertHolds(core, 0, 1, 7, 8, 4095, 4096, 70000);
        assertNull(core.at(2 << 12));
        assertNull(core.at(69999L << 12));
        assertNull(core.at(70001L << 12));
        assertNull(core.at(-1));
    }

    @Test
    void oldFilesHaveOneBitmap() {
        assertHolds(read(file(1).oneBitmap().bytes()), 0, 8, 4096, 70000);
    }

    @Test
    void versionsHaveMoreAndMoreInTheSubHeader() {
        byte[] note = {5, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0, 'C', 'O', 'R', 'E', 0, 0, 0, 0, 1, 2, 3, 4};
        String text = "OSRELEASE=6.1.0\nNUMBER(phys_base)=4096\n";
        CompressedCore newest =
                read(file(6).notes(note).info(text).physBase(-12288).bytes());
        assertEquals(1, newest.notes().size());
        assertEquals(0x0403_0201, newest.notes().getFirst().desc().i32(0));
        VmCoreInfo info = newest.info();
        assertEquals("6.1.0", info == null ? "" : info.release());
        assertEquals(-12288L, newest.physBase());
        CompressedCore older = read(file(3).notes(note).info(text).bytes());
        assertEquals(0, older.notes().size());
        assertNotNull(older.info());
        assertNull(read(file(2).info(text).bytes()).info());
    }

    @ParameterizedTest
    @ValueSource(ints = {24, 1000, 4096, 1 << 20})
    void flattenedFilesAreRearranged(int pieceSize) {
        byte[] flat = KdumpFile.flatten(file(6).bytes(), pieceSize);
        CompressedCore core = CompressedCore.read(FlattenedFile.read(Bytes.of(flat, "test")));
        assertHolds(core, 0, 1, 7, 8, 4095, 4096, 70000);
    }

    @Test
    void aFlattenedFileThatWasCutOffKeepsItsBeginning() {
        byte[] flat = KdumpFile.flatten(file(6).bytes(), 4096);
        FlattenedFile half = FlattenedFile.read(Bytes.of(Arrays.copyOf(flat, flat.length / 2), "test"));
        assertThrows(MalformedInputException.class, () -> half.slice(0, 464));
        byte[] file = file(6).bytes();
        assertEquals(4, half.slice(file.length - 4, 4).size());
    }

    @Test
    void whatCannotBeReadIsNamed() {
        assertTrue(refusal(file(6).status(LZO).bytes()).startsWith("pages compressed with LZO"));
        assertTrue(refusal(file(6).split().bytes()).startsWith("one part of a split dump"));
        assertTrue(refusal(file(6).signature("DISKDUMP").bytes()).startsWith("a diskdump file"));
        assertTrue(refusal(file(6).blockSize(65536).bytes()).startsWith("a block size of 65536 bytes"));
        byte[] elf = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0};
        assertTrue(refusal(KdumpFile.flatten(Arrays.copyOf(elf, 4096), 4096))
                .startsWith("an ELF core in makedumpfile's flattened format"));
        assertTrue(refusal(new byte[100]).contains("ELF"));
    }

    @Test
    void brokenPagesAreNamed() {
        byte[] cut = Arrays.copyOf(zlib(page(3)), 8);
        CompressedCore core = read(new KdumpFile(6)
                .page(0, cut, ZLIB)
                .page(1, new byte[100], 0)
                .page(2, new byte[5000], 0)
                .page(3, new byte[] {1, 2, 3}, ZSTD)
                .page(4, new byte[] {1, 2, 3}, LZO)
                .page(5, new byte[] {1, 2, 3}, ZLIB | SNAPPY)
                .page(6, Zstd.compress(new byte[100]), ZSTD)
                .page(7, Zstd.compress(new byte[8192]), ZSTD)
                .page(8, new byte[] {(byte) 0x80, 0x20, 0}, SNAPPY)
                .bytes());
        for (long frame = 0; frame <= 8; frame++) {
            long paddr = frame << 12;
            assertThrows(MalformedInputException.class, () -> core.at(paddr), "frame " + frame);
        }
    }

    /** A page that cannot be unpacked is missing for a walk, and counted. */
    @Test
    void memoryCountsBrokenPages() {
        CompressedCore core = read(new KdumpFile(6)
                .page(1, zlib(tableTo(2)), ZLIB)
                .page(2, zlib(tableTo(3)), ZLIB)
                .page(3, zlib(tableTo(4)), ZLIB)
                .page(4, zlib(tableTo(5)), ZLIB)
                .page(5, new byte[] {1}, ZLIB)
                .bytes());
        KernelMemory memory =
                new KernelMemory(core, new PageTables(core, 0x1000, 4, 0), org.backstitch.dump.ExtentMap.EMPTY);
        assertEquals(0, memory.brokenPages());
        assertEquals(false, memory.isReadable(0, 8));
        assertEquals(1, memory.brokenPages());
    }

    private static byte[] tableTo(int frame) {
        byte[] table = new byte[KdumpFile.PAGE_SIZE];
        table[0] = 1;
        table[1] = (byte) (frame << 4);
        return table;
    }

    /** Damaged headers, descriptors and data: an exception of the right kind or a page, and no large allocation. */
    @Test
    void damagedFilesAreSurvived() {
        byte[] good = file(6).info("KERNELOFFSET=0\n").bytes();
        byte[] flat = KdumpFile.flatten(good, 4096);
        Random random = new Random(3);
        int read = 0;
        for (int round = 0; round < 3000; round++) {
            byte[] damaged = (round % 2 == 0 ? good : flat).clone();
            for (int i = 0; i < 4; i++) {
                int at = random.nextInt(4) == 0 ? random.nextInt(damaged.length) : 400 + random.nextInt(4000);
                damaged[at] = (byte) random.nextInt();
            }
            try {
                Bytes bytes = Bytes.of(damaged, "damaged");
                CompressedCore core =
                        CompressedCore.read(round % 2 == 0 ? new ByteStore.Plain(bytes) : FlattenedFile.read(bytes));
                for (long frame : new long[] {0, 1, 7, 8, 4095, 4096, 70000}) {
                    read += core.at(frame << 12) == null ? 0 : 1;
                }
            } catch (MalformedInputException e) {
                assertTrue(e.source().startsWith("damaged"));
            }
        }
        assertTrue(read > 0);
    }
}
