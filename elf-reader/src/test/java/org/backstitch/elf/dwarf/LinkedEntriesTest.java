package org.backstitch.elf.dwarf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The linker's table of a library that every Java has: as it is, and where it does not say what the section does. */
class LinkedEntriesTest {
    private static final long ANY_SPAN = 0xffff_ffffL;

    /** The table's head before its first pair: version, encodings, the section's address, the count. */
    private static final int HEAD = 12;

    private static final int PAIR = 8;

    private ByteBuffer file;
    private ElfSection header;
    private ElfSection frame;

    @BeforeEach
    void read() throws IOException {
        Path library = Path.of(System.getProperty("java.home"), "lib", "libjava.so");
        file = ByteBuffer.wrap(Files.readAllBytes(library)).order(ByteOrder.LITTLE_ENDIAN);
        header = elf().section(".eh_frame_hdr").orElseThrow();
        frame = elf().section(".eh_frame").orElseThrow();
    }

    private ElfFile elf() {
        return ElfFile.of(Bytes.of(file.array(), "libjava.so"));
    }

    private int pairAt(int pair) {
        return (int) header.fileOffset() + HEAD + pair * PAIR;
    }

    private int count() {
        return file.getInt((int) header.fileOffset() + HEAD - Integer.BYTES);
    }

    /** Where the entry of a pair is in the file. */
    private int entryAt(int pair) {
        long vaddr = header.address() + file.getInt(pairAt(pair) + Integer.BYTES);
        return (int) (vaddr - frame.address() + frame.fileOffset());
    }

    private static boolean isInOrder(ElfFile elf, long maxSpan, List<Long> offsets) {
        Optional<LinkedEntries> linked = FdeFinder.of(elf).linkedEntries();
        if (linked.isEmpty()) {
            return false;
        }
        LinkedEntries.Cursor entries = linked.get().entries(maxSpan);
        while (entries.next()) {
            offsets.add(entries.fde().offset());
        }
        return entries.isInOrder();
    }

    private boolean isInOrder() {
        return isInOrder(elf(), ANY_SPAN, new ArrayList<>());
    }

    @Test
    void allEntriesAsTheIndexHasThem() {
        FdeIndex index = new FdeIndex(CallFrameInfo.of(elf()).orElseThrow());
        assertTrue(index.size() > 100);
        List<Long> expected = IntStream.range(0, index.size())
                .mapToObj(i -> index.fde(i).offset())
                .toList();
        List<Long> offsets = new ArrayList<>();
        assertTrue(isInOrder(elf(), ANY_SPAN, offsets));
        assertEquals(expected, offsets);
    }

    @Test
    void entriesThatAreTooFarApart() {
        FdeIndex index = new FdeIndex(CallFrameInfo.of(elf()).orElseThrow());
        long span = index.highestEnd() - index.start(0);
        assertTrue(isInOrder(elf(), span, new ArrayList<>()));
        assertFalse(isInOrder(elf(), span - 1, new ArrayList<>()));
    }

    @Test
    void pairsOutOfOrder() {
        long first = file.getLong(pairAt(5));
        file.putLong(pairAt(5), file.getLong(pairAt(6))).putLong(pairAt(6), first);
        assertFalse(isInOrder());
    }

    @Test
    void aPairTwice() {
        file.putLong(pairAt(6), file.getLong(pairAt(5)));
        assertFalse(isInOrder());
    }

    @Test
    void anEntryThatIsAnothers() {
        file.putInt(pairAt(5) + Integer.BYTES, file.getInt(pairAt(6) + Integer.BYTES));
        assertFalse(isInOrder());
    }

    /** Bytes that read as an entry, and are the inside of one: of a CIE as large as what it swallowed. */
    @Test
    void anEntryInsideOfAnother() {
        int entry = entryAt(5);
        int inside = entry + 4 * Integer.BYTES;
        int start = file.getInt(entry + 2 * Integer.BYTES) - 4 * Integer.BYTES;
        int length = file.getInt(entry);
        file.putInt(inside, length - 4 * Integer.BYTES);
        file.putInt(inside + Integer.BYTES, file.getInt(entry + Integer.BYTES) + 4 * Integer.BYTES);
        file.putInt(inside + 2 * Integer.BYTES, start);
        file.putInt(inside + 3 * Integer.BYTES, file.getInt(entry + 3 * Integer.BYTES));
        file.putInt(pairAt(5) + Integer.BYTES, file.getInt(pairAt(5) + Integer.BYTES) + 4 * Integer.BYTES);
        assertFalse(isInOrder());
    }

    @Test
    void moreOrFewerPairsThanEntries() {
        int countAt = (int) header.fileOffset() + HEAD - Integer.BYTES;
        int count = count();
        file.putInt(countAt, count - 1);
        assertTrue(FdeFinder.of(elf()).linkedEntries().isEmpty());
        file.putInt(countAt, 0);
        assertTrue(FdeFinder.of(elf()).linkedEntries().isEmpty());
    }

    @Test
    void entriesThatStartElsewhereOrOverlapOrAreForNothing() {
        int lengthAt = entryAt(5) + 3 * Integer.BYTES;
        int length = file.getInt(lengthAt);
        file.putInt(lengthAt, 0);
        assertFalse(isInOrder());
        file.putInt(lengthAt, file.getInt(pairAt(6)) - file.getInt(pairAt(5)));
        assertTrue(isInOrder(), "up to the next one");
        file.putInt(lengthAt, file.getInt(pairAt(6)) - file.getInt(pairAt(5)) + 1);
        assertFalse(isInOrder(), "and into it");
        file.putInt(lengthAt, length);
        assertTrue(isInOrder());
        int startAt = entryAt(5) + 2 * Integer.BYTES;
        file.putInt(startAt, file.getInt(startAt) + 1);
        assertFalse(isInOrder());
    }

    @Test
    void aMalformedEntry() {
        file.putInt(entryAt(5) + Integer.BYTES, 0x7fff_fff0); // its CIE
        assertFalse(isInOrder());
    }
}
