package org.backstitch.elf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ElfFileTest {
    private static ElfFile of(byte[] bytes) {
        return ElfFile.of(Bytes.of(bytes, "test"));
    }

    /** A header alone: ET_CORE for x86-64. */
    private static ByteBuffer header(byte[] file) {
        return ByteBuffer.wrap(file)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1})
                .putShort(16, (short) ElfConstants.ET_CORE)
                .putShort(18, (short) ElfConstants.EM_X86_64)
                .putInt(20, 1)
                .putShort(52, (short) 64)
                .putShort(54, (short) 56)
                .putShort(58, (short) 64);
    }

    private static void segment(
            ByteBuffer file, int at, int type, long offset, long vaddr, long fileSize, long memory) {
        file.putInt(at, type)
                .putInt(at + 4, ElfConstants.PF_R)
                .putLong(at + 8, offset)
                .putLong(at + 16, vaddr);
        file.putLong(at + 32, fileSize).putLong(at + 40, memory).putLong(at + 48, 4);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 7e, not an ELF file",
        "4, 01, a 32-bit ELF file; only 64-bit ones are supported",
        "4, 03, an ELF file of unknown class 3",
        "5, 02, a big-endian ELF file; only little-endian ones are supported",
        "6, 00, an ELF file of unknown version 0",
        "16, 00, an ELF file of unknown type 0",
        "17, fe, an ELF file of unknown type 65028",
    })
    void refusesOtherFilesByName(int offset, String value, String message) {
        byte[] file = new byte[64];
        header(file);
        assertEquals(ElfConstants.ET_CORE, of(file).type());
        file[offset] = (byte) Integer.parseInt(value, 16);
        MalformedInputException e = assertThrows(MalformedInputException.class, () -> of(file));
        assertEquals(message, e.reason());
        assertThrows(MalformedInputException.class, () -> of(Arrays.copyOf(file, 63)));
        assertThrows(MalformedInputException.class, () -> of(new byte[0]));
    }

    /** Figures from {@code readelf -hW}, {@code -SW} and {@code -sW}. */
    @Test
    void readsMoreSectionsThanSixteenBitsCount() {
        ElfFile elf = Fixture.unpacked("many.o.xz");
        assertEquals(List.of(), elf.faults());
        assertEquals(65508, elf.sections().size());
        assertEquals(".tffdb", elf.sections().get(65503).name());
        assertEquals(65504, elf.section(".symtab").orElseThrow().index());
        ElfSymbols symbols = elf.symbols().orElseThrow();
        assertEquals(65501, symbols.count());
        assertEquals("f0", symbols.name(1));
        assertEquals(4, symbols.sectionIndex(1));
        assertEquals("ffe80", symbols.name(65153));
        assertEquals(65156, symbols.sectionIndex(65153));
        assertEquals(
                new ElfSymbol("fffdb", 0, 0, ElfConstants.STT_NOTYPE, ElfConstants.STB_GLOBAL, 0, 65503),
                symbols.get(65500));
        int visited = 0;
        for (ElfSymbol symbol : symbols) {
            assertEquals(symbol.isDefined(), visited++ > 0);
        }
        assertEquals(65501, visited);
    }

    @Test
    void readsMoreSegmentsThanSixteenBitsCount() {
        int count = 70_000;
        byte[] bytes = new byte[64 + count * 56 + 64];
        ByteBuffer file = header(bytes);
        file.putLong(32, 64).putShort(56, (short) ElfConstants.PN_XNUM);
        file.putLong(40, 64 + count * 56).putShort(60, (short) 1);
        file.putInt(64 + count * 56 + 44, count);
        for (int i = 0; i < count; i++) {
            segment(file, 64 + i * 56, ElfConstants.PT_LOAD, i, 0x1000L * i, 1, 1);
        }
        ElfFile elf = of(bytes);
        assertEquals(List.of(), elf.faults());
        assertEquals(count, elf.segments().size());
        assertEquals(69_999, elf.bytesAt(0x1000L * 69_999, 1).orElseThrow().origin());
        // Cut off before the count: what fits 16 bits is still there.
        ElfFile cut = of(Arrays.copyOf(bytes, bytes.length - 64));
        assertEquals(65535, cut.segments().size());
        assertTrue(cut.faults().toString().contains("that counts the program headers is missing"));
    }

    @Test
    void usesSegmentsOfFilesWithBrokenSectionTables() {
        byte[] good = Fixture.bytes("prog");
        for (long offset : new long[] {Long.MAX_VALUE, -1, good.length - 10, 1L << 40}) {
            byte[] bad = good.clone();
            ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN).putLong(40, offset);
            ElfFile elf = of(bad);
            assertEquals(List.of(), elf.sections());
            assertEquals(1, elf.faults().size());
            assertEquals(Fixture.elf("prog").segments(), elf.segments());
            assertEquals(Fixture.elf("prog").buildId(), elf.buildId());
            assertTrue(elf.bytesAt(0x400144, 0x1f).isPresent());
        }
        byte[] wrongSize = good.clone();
        wrongSize[58] = 40;
        assertEquals(
                "expected section headers of 64 bytes, found 40",
                of(wrongSize).faults().getFirst().reason());
        byte[] wrongNames = good.clone();
        wrongNames[62] = 99;
        assertEquals(
                List.of("the section name table is section 99 of "
                        + of(good).sections().size()),
                of(wrongNames).faults().stream()
                        .map(MalformedInputException::reason)
                        .toList());
        assertEquals("", of(wrongNames).sections().get(1).name());
    }

    /** Addresses from {@code readelf -lSW}. */
    @Test
    void findsBytesByAddress() {
        ElfFile elf = Fixture.elf("prog");
        assertEquals(0x144, elf.bytesAt(0x400144, 0x1f).orElseThrow().origin());
        assertEquals(0x0, elf.bytesAt(0x400000, 1).orElseThrow().origin());
        assertEquals(Optional.empty(), elf.bytesAt(0x3fffff, 1));
        assertEquals(Optional.empty(), elf.bytesAt(0x400144, -1));
        assertEquals(Optional.empty(), elf.bytesAt(0x400144, 1L << 40));
        assertEquals(Optional.empty(), elf.bytesAt(0x401000, 1), ".bss");
        assertEquals(Optional.empty(), elf.bytesAt(-1, 1));
        assertEquals(0x1bc - 0x168, elf.bytesFrom(0x400168).orElseThrow().size());
        assertEquals(OptionalLong.of(0x400150), elf.vaddrOf(0x150));
        assertEquals(OptionalLong.empty(), elf.vaddrOf(1 << 20));
        // A debug file's segments claim the program's bytes; there is something else at their offsets.
        assertEquals(Optional.empty(), Fixture.elf("prog.debug").bytesAt(0x400144, 0x1f));
        assertEquals(Optional.empty(), Fixture.elf("relocs.o").bytesAt(0, 1));
    }

    @Test
    void findsBytesInOverlappingAndCutSegments() {
        byte[] bytes = new byte[0x1000];
        ByteBuffer file = header(bytes);
        file.putLong(32, 64).putShort(56, (short) 4);
        segment(file, 64, ElfConstants.PT_LOAD, 0x400, 0x10000, 0x300, 0x300);
        segment(file, 120, ElfConstants.PT_LOAD, 0x800, 0x10010, 0x10, 0x10);
        segment(file, 176, ElfConstants.PT_LOAD, 0xf00, 0xffffffff81000000L, 0x1000, 0x1000);
        segment(file, 232, ElfConstants.PT_LOAD, 0x400, -0x10, 0x100, 0x100);
        ElfFile elf = of(bytes);
        assertEquals(0x80f, elf.bytesAt(0x1001f, 1).orElseThrow().origin());
        assertEquals(0x420, elf.bytesAt(0x10020, 1).orElseThrow().origin(), "behind the inner one");
        assertEquals(Optional.empty(), elf.bytesAt(0x10300, 1));
        assertEquals(0xfff, elf.bytesAt(0xffffffff810000ffL, 1).orElseThrow().origin());
        assertEquals(Optional.empty(), elf.bytesAt(0xffffffff81000100L, 1), "the file was cut off");
        assertEquals(Optional.empty(), elf.bytesAt(-1, 1), "wraps around");
    }

    @Test
    void readsNotes() {
        // gABI chapter 5: namesz, descsz, type, name and desc padded to 4; the last one's padding is missing.
        Bytes notes = Bytes.of(
                HexFormat.of()
                        .parseHex("04000000" + "02000000" + "03000000" + "474e5500" + "abcd0000" // GNU, build id
                                + "05000000" + "00000000" + "01000000" + "434f524500"),
                "notes");
        assertThrows(MalformedInputException.class, () -> ElfNote.readAll(notes.slice(0, 15), 4));
        List<ElfNote> all = ElfNote.readAll(notes, 4);
        assertEquals(List.of("GNU", "CORE"), all.stream().map(ElfNote::name).toList());
        assertEquals("abcd", BuildId.of(all.getFirst().desc()).hex());
        assertEquals(0, all.get(1).desc().size());
        // Padded to 8, as in .note.gnu.property: the next note starts at 32, not at 28.
        Bytes wide = Bytes.of(
                HexFormat.of()
                        .parseHex("04000000" + "0c000000" + "05000000" + "474e5500" + "00".repeat(12) + "00".repeat(4)
                                + "04000000" + "01000000" + "07000000" + "474e5500" + "01"),
                "notes");
        assertEquals(
                List.of(5, 7),
                ElfNote.readAll(wide, 8).stream().map(ElfNote::type).toList());
    }

    @Test
    void comparesBuildIds() {
        BuildId id = Fixture.elf("prog").buildId().orElseThrow();
        assertEquals(20, id.size());
        assertEquals(id, BuildId.ofHex(id.hex()));
        assertEquals(id.hashCode(), BuildId.ofHex(id.hex()).hashCode());
        assertNotEquals(id, BuildId.ofHex("00"));
        assertEquals(Optional.empty(), Fixture.elf("noid").buildId());
        assertThrows(IllegalArgumentException.class, () -> BuildId.ofHex(""));
        assertThrows(IllegalArgumentException.class, () -> BuildId.ofHex("xy"));
    }

    @ParameterizedTest
    @CsvSource({"prog.zlib.debug, .", "prog.zstd.debug, .", "prog.zlib-gnu.debug, .z"})
    void inflatesCompressedSections(String name, String prefix) {
        ElfFile plain = Fixture.elf("prog.debug");
        ElfFile compressed = Fixture.elf(name);
        int inflated = 0;
        for (ElfSection section : plain.sections()) {
            if (!section.name().startsWith(".debug_")) {
                continue;
            }
            ElfSection other = compressed
                    .section(prefix + section.name().substring(1))
                    .or(() -> compressed.section(section.name()))
                    .orElseThrow();
            inflated += other.isCompressed() ? 1 : 0;
            assertEquals(-1, section.data().segment().mismatch(other.data().segment()), section::name);
        }
        assertTrue(inflated >= 2);
        ElfFile limited = ElfFile.of(Bytes.of(Fixture.bytes(name), name), 16);
        ElfSection info = limited.section(prefix + "debug_info").orElseThrow();
        assertThrows(MalformedInputException.class, info::data);
    }

    @Test
    void refusesSectionsThatAreNotWhatTheyClaim() {
        byte[] file = Fixture.bytes("prog.zlib.debug");
        ElfSection info = of(file).section(".debug_info").orElseThrow();
        int at = (int) info.fileOffset();
        byte[] algorithm = file.clone();
        algorithm[at] = 9;
        assertTrue(fault(algorithm).contains("section .debug_info is compressed by an unknown algorithm 9"));
        byte[] larger = file.clone();
        larger[at + 8]++;
        assertTrue(fault(larger).contains("inflates to"), fault(larger));
        byte[] smaller = file.clone();
        smaller[at + 8]--;
        assertTrue(fault(smaller).contains("inflates to more than"), fault(smaller));
        byte[] huge = file.clone();
        huge[at + 15] = 0x7f;
        assertTrue(fault(huge).contains("but claims"), fault(huge));
        byte[] broken = file.clone();
        broken[at + 24] = 0;
        assertTrue(fault(broken).contains("cannot be decompressed"), fault(broken));
    }

    private static String fault(byte[] file) {
        ElfSection section = of(file).section(".debug_info").orElseThrow();
        return assertThrows(MalformedInputException.class, section::data).reason();
    }

    /** The vDSO of a process has no section headers of use in a dump; the dynamic segment leads to the same symbols. */
    @ParameterizedTest
    @ValueSource(strings = {"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"})
    void findsDynamicSymbolsWithoutSections(String name) throws Exception {
        byte[] file = java.nio.file.Files.readAllBytes(java.nio.file.Path.of(name));
        ElfSymbols expected = of(file).dynamicSymbols().orElseThrow();
        Arrays.fill(file, 40, 48, (byte) 0);
        ElfFile stripped = of(file);
        assertEquals(List.of(), stripped.sections());
        ElfSymbols found = stripped.dynamicSymbols().orElseThrow();
        assertEquals(expected.count(), found.count());
        for (int i = 0; i < expected.count(); i++) {
            assertEquals(expected.get(i), found.get(i));
        }
    }

    /** Whatever is flipped, everything can be asked for, and the answer is a value or a {@link MalformedInputException}. */
    @ParameterizedTest
    @ValueSource(strings = {"prog", "prog.debug", "prog.mini", "prog.zlib.debug", "prog.zstd.debug", "relocs.o"})
    void survivesDamage(String name) {
        byte[] good = Fixture.bytes(name);
        Random random = new Random(name.hashCode());
        int refused = 0;
        for (int i = 0; i < 1500; i++) {
            byte[] bad = i % 9 == 0 ? Arrays.copyOf(good, random.nextInt(good.length)) : good.clone();
            for (int flips = random.nextInt(4); flips >= 0 && bad.length > 0; flips--) {
                boolean inHeaders = random.nextInt(3) == 0;
                int at = inHeaders ? random.nextInt(Math.min(bad.length, 300)) : random.nextInt(bad.length);
                bad[at] = (byte) random.nextInt();
            }
            refused += visit(bad);
        }
        assertTrue(refused > 0);
    }

    private static int visit(byte[] bytes) {
        int refused = 0;
        try {
            ElfFile elf = ElfFile.of(Bytes.of(bytes, "bad"), 1 << 20);
            assertFalse(elf.toString().isEmpty() || elf.faults().toString().isEmpty());
            elf.buildId();
            for (ElfSegment segment : elf.segments()) {
                elf.bytesFrom(segment.vaddr());
                elf.vaddrOf(segment.fileOffset());
            }
            for (ElfSection section : elf.sections()) {
                refused += guarded(() -> section.data());
                refused += guarded(() -> elf.relocated(section).skipped());
                refused += guarded(() -> elf.symbolTable(section.index()).ifPresent(symbols -> {
                    for (int i = 0; i < symbols.count(); i++) {
                        int symbol = i;
                        guarded(() -> symbols.get(symbol));
                    }
                }));
            }
            refused += guarded(elf::symbols);
            refused += guarded(elf::dynamicSymbols);
            refused += guarded(() -> org.backstitch.elf.image.DebugFiles.embedded(elf));
            refused += guarded(() -> org.backstitch.elf.image.DebugLink.of(elf));
        } catch (MalformedInputException e) {
            refused++;
        }
        return refused;
    }

    private static int guarded(Runnable part) {
        try {
            part.run();
            return 0;
        } catch (MalformedInputException e) {
            return 1;
        }
    }
}
