package org.backstitch.elf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.junit.jupiter.api.Test;

class RelocatedSectionTest {
    private static String hex(Bytes bytes) {
        return HexFormat.of().formatHex(bytes.segment().toArray(ValueLayout.JAVA_BYTE));
    }

    /** The values are those of the comments in {@code relocs.s}. */
    @Test
    void appliesEveryTypeThatTablesNeed() {
        ElfFile elf = Fixture.elf("relocs.o");
        RelocatedSection table = elf.relocated(elf.section(".table").orElseThrow());
        assertEquals(
                "2500000000000000" // 64
                        + "0400000000000000" // PC64
                        + "10000000" // PC32
                        + "fcffffff" // PLT32
                        + "34120000" // 32
                        + "f0ffffff" // 32S
                        + "2010" // 16
                        + "feff" // PC16
                        + "10" // 8
                        + "eb" // PC8
                        + "0000"
                        + "08000000" // SIZE32
                        + "0700000000000000" // SIZE64
                        + "0300000000000000" // 64 of an undefined symbol
                        + "0100000000000000" // 64 of a common symbol
                        + "11111111" + "22222222",
                hex(table.data()));
        int text = elf.section(".text").orElseThrow().index();
        int other = elf.section(".text.other").orElseThrow().index();
        assertEquals(other, table.targetSection(0));
        assertEquals(text, table.targetSection(8));
        assertEquals(RelocatedSection.NOT_RELOCATED, table.targetSection(4));
        assertEquals(ElfSymbols.ABSOLUTE, table.targetSection(0x18));
        assertEquals(ElfSymbols.UNDEFINED, table.targetSection(0x34));
        assertEquals(ElfSymbols.COMMON, table.targetSection(0x3c));
        assertEquals(
                List.of(
                        new RelocatedSection.Skipped(0x44, ElfConstants.R_X86_64_GOTPCREL, "unsupported type"),
                        new RelocatedSection.Skipped(0x48, 23, "unsupported type")),
                table.skipped());
        assertEquals(RelocatedSection.NOT_RELOCATED, table.targetSection(0x44));
    }

    /** The dump is what {@code readelf -R .eh_frame} of binutils 2.40 prints. */
    @Test
    void relocatesFrameDescriptions() {
        ElfFile elf = Fixture.elf("image/tiny.o");
        RelocatedSection frames = elf.relocated(elf.section(".eh_frame").orElseThrow());
        assertEquals(
                "1400000000000000017a520001781001" + "1b0c070890010000280000001c000000"
                        + "e0ffffff2f00000000420e108c02410e" + "188603430e208304600e18410e10450e"
                        + "080000003800000048000000e4ffffff" + "6b00000000520e108d02460e188c0341"
                        + "0e208604410e288305490e307c0e2843" + "0e20410e18450e10420e080000000000",
                hex(frames.data()));
        assertEquals(List.of(), frames.skipped());
        assertEquals(elf.section(".text").orElseThrow().index(), frames.targetSection(0x20));
    }

    @Test
    void findsTargetsOfTablesInAnyOrder() {
        byte[] file = Fixture.bytes("relocs.o");
        ElfSection rela = Fixture.elf("relocs.o").section(".rela.table").orElseThrow();
        ByteBuffer entries = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int at = (int) rela.fileOffset();
        for (int i = 0; i < 24; i += 8) { // the first and the fourth change places
            long first = entries.getLong(at + i);
            entries.putLong(at + i, entries.getLong(at + 72 + i)).putLong(at + 72 + i, first);
        }
        ElfFile elf = ElfFile.of(Bytes.of(file, "swapped"));
        RelocatedSection table = elf.relocated(elf.section(".table").orElseThrow());
        ElfFile good = Fixture.elf("relocs.o");
        RelocatedSection expected = good.relocated(good.section(".table").orElseThrow());
        assertEquals(hex(expected.data()), hex(table.data()));
        for (long offset = 0; offset < 0x4c; offset++) {
            assertEquals(expected.targetSection(offset), table.targetSection(offset));
        }
    }

    @Test
    void saysWhatItCannotApply() {
        byte[] file = Fixture.bytes("relocs.o");
        ElfSection rela = Fixture.elf("relocs.o").section(".rela.table").orElseThrow();
        ByteBuffer entries = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int at = (int) rela.fileOffset();
        entries.putLong(at, 0x45).putInt(at + 24 + 12, 1000).putInt(at + 48 + 12, -1);
        ElfFile elf = ElfFile.of(Bytes.of(file, "bad"));
        List<RelocatedSection.Skipped> skipped =
                elf.relocated(elf.section(".table").orElseThrow()).skipped();
        assertEquals(
                List.of("outside of the section", "no symbol 1000", "no symbol 4294967295"),
                skipped.subList(0, 3).stream()
                        .map(RelocatedSection.Skipped::reason)
                        .toList());
    }

    @Test
    void leavesLinkedFilesAsTheyAre() {
        ElfFile elf = Fixture.elf("prog.full");
        ElfSection frames = elf.section(".eh_frame").orElseThrow();
        RelocatedSection relocated = elf.relocated(frames);
        assertEquals(hex(frames.data()), hex(relocated.data()));
        assertTrue(relocated.skipped().isEmpty());
        assertEquals(RelocatedSection.NOT_RELOCATED, relocated.targetSection(0x20));
    }
}
