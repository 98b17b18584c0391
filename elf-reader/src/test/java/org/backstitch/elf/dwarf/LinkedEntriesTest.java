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
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
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
        boolean inOrder = entries.isInOrder();
        assertFalse(entries.next());
        assertEquals(inOrder, entries.isInOrder(), "nothing behind the end changes it");
        return inOrder;
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

    /** The rows of an entry that were executed: where each starts, and its rules by the order in which they were met. */
    private static List<Long> rows(PlainRows plain, int room, FrameDescriptionEntry fde, List<UnwindRow> learned) {
        if (room == PlainRows.NOT_PLAIN) {
            return List.of();
        }
        int[] starts = new int[room + 1];
        int[] rules = new int[room + 1];
        int end = plain.execute(fde.start(), starts, rules, 0);
        while (end == PlainRows.UNKNOWN_WORD) {
            PlainRowsTest.learn(plain, fde, learned);
            end = plain.execute(fde.start(), starts, rules, 0);
        }
        List<Long> rows = new ArrayList<>();
        for (int i = 0; i < end; i++) {
            rows.add((long) starts[i] << Integer.SIZE | rules[i]);
        }
        return rows;
    }

    /** Programs are executed where they lie as they are where they are copied to. */
    private static int assertSameRows(LinkedEntries linked) {
        PlainRows inPlace = new PlainRows();
        PlainRows copied = new PlainRows();
        List<UnwindRow> learned = new ArrayList<>();
        List<UnwindRow> others = new ArrayList<>();
        LinkedEntries.Cursor entries = linked.entries(ANY_SPAN);
        int count = 0;
        while (entries.next()) {
            FrameDescriptionEntry fde = entries.fde();
            assertEquals(fde.start(), entries.start());
            assertEquals(fde.length(), entries.length());
            assertEquals(fde.end(), entries.end());
            assertEquals(copied.start(fde), inPlace.start(entries), "as many bytes of program");
            List<Long> rows = rows(copied, copied.start(fde), fde, others);
            assertEquals(rows, rows(inPlace, inPlace.start(entries), fde, learned), fde.toString());
            count += rows.size();
        }
        assertTrue(entries.isInOrder());
        assertEquals(others, learned);
        return count;
    }

    @Test
    void programsWhereTheyLie() {
        assertTrue(assertSameRows(FdeFinder.of(elf()).linkedEntries().orElseThrow()) > 1000);
    }

    /** Addresses of eight bytes and no augmentation, as GCC's large code model has them. */
    @Test
    void entriesWithLongFields() {
        long sectionVaddr = 0x1000;
        long headerVaddr = 0x2000;
        ByteBuffer section = ByteBuffer.allocate(20 + 2 * 28).order(ByteOrder.LITTLE_ENDIAN);
        section.putInt(16).putInt(0).put(HexFormat.of().parseHex("01000178100c070890010000"));
        section.putInt(24)
                .putInt(24)
                .putLong(0x5000)
                .putLong(0x10)
                .put(HexFormat.of().parseHex("410e1000"));
        section.putInt(24)
                .putInt(52)
                .putLong(0x5010)
                .putLong(0x20)
                .put(HexFormat.of().parseHex("440e2043"));
        ByteBuffer table = ByteBuffer.allocate(HEAD + 2 * PAIR).order(ByteOrder.LITTLE_ENDIAN);
        table.put(HexFormat.of().parseHex("011b033b")).putInt(-0x1004).putInt(2);
        table.putInt(0x3000).putInt(20 - 0x1000).putInt(0x3010).putInt(48 - 0x1000);
        LinkedEntries linked = LinkedEntries.of(
                        EhFrameHeader.parse(Bytes.of(table.array(), "header"), headerVaddr)
                                .orElseThrow(),
                        new CallFrameInfo(
                                Bytes.of(section.array(), "section"),
                                sectionVaddr,
                                CallFrameInfo.Flavor.EH_FRAME,
                                0,
                                0,
                                vaddr -> OptionalLong.empty()))
                .orElseThrow();
        assertEquals(4, assertSameRows(linked));
        LinkedEntries.Cursor entries = linked.entries(ANY_SPAN);
        assertTrue(entries.next());
        assertEquals(0x5000, entries.start());
        assertTrue(entries.next());
        assertEquals(0x5010, entries.start());
        assertEquals(0x5030, entries.end());
        assertEquals(48, entries.fde().offset());
        assertFalse(entries.next());
    }
}
