package org.backstitch.elf.orc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.fixtures.Fixtures;
import org.junit.jupiter.api.Test;

/** Tables that someone has tampered with: refused with the place, or read with what is wrong counted; never anything else. */
class HostileOrcTest {
    private static final String MODULE = "orc/7.2/veth.ko.xz";
    private static final byte[] BYTES = Fixtures.bytes(MODULE);

    private static ElfFile elf(byte[] bytes) {
        return ElfFile.of(Bytes.of(bytes, MODULE));
    }

    private static ElfSection section(String name) {
        return elf(BYTES).section(name).orElseThrow();
    }

    private static ElfSection relocations() {
        int ips = section(".orc_unwind_ip").index();
        return elf(BYTES).sections().stream()
                .filter(s -> s.type() == ElfConstants.SHT_RELA && s.info() == ips)
                .findFirst()
                .orElseThrow();
    }

    private static MalformedInputException refusal(byte[] bytes) {
        return assertThrows(MalformedInputException.class, () -> OrcTable.of(elf(bytes), null));
    }

    private static byte[] withLong(long at, long value) {
        byte[] bytes = BYTES.clone();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong((int) at, value);
        return bytes;
    }

    private static byte[] withInt(long at, int value) {
        byte[] bytes = BYTES.clone();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt((int) at, value);
        return bytes;
    }

    @Test
    void relocationsAreChecked() {
        int first = (int) relocations().fileOffset();
        assertEquals(349, OrcTable.of(elf(BYTES), null).size());
        // Of an entry that is not there, of the middle of one, of one that has its relocation, of another type, of no
        // section.
        assertTrue(refusal(withLong(first, 349 * 4)).reason().contains("0x574"));
        refusal(withLong(first, -4));
        refusal(withLong(first, 2));
        refusal(withLong(first, 4));
        refusal(withInt(first + 8, 1));
        refusal(withInt(first + 12, 0));
        refusal(withInt(first + 12, Integer.MAX_VALUE));
        refusal(withInt(first + 12, -1));
        refusal(withLong(first + 16, 1L << 40));
        refusal(withLong(first + 16, -1));
    }

    @Test
    void relocationsThatAreMissingAreMissed() {
        ElfFile file = elf(BYTES);
        ElfSection relocations = relocations();
        // sh_size at 32 in the section's header: one relocation less.
        int header = (int) file.bytes().i64(40) + relocations.index() * 64;
        assertEquals(relocations.size(), file.bytes().i64(header + 32));
        byte[] bytes = withLong(header + 32, relocations.size() - 24);
        assertTrue(refusal(bytes).reason().contains("without a relocation"));
        // sh_type at 4: none at all.
        byte[] none = withInt(header + 4, ElfConstants.SHT_PROGBITS);
        assertTrue(refusal(none).reason().contains("without .rela.orc_unwind_ip"));
        // sh_link at 40: the symbols are not symbols.
        refusal(withInt(header + 40, 1));
        refusal(withInt(header + 40, -1));
    }

    @Test
    void filesWithoutTables() {
        ElfFile stripped = elf(BYTES);
        int header = (int) stripped.bytes().i64(40) + section(".orc_unwind").index() * 64;
        byte[] renamed = withInt(header, 0);
        assertTrue(refusal(renamed).reason().contains(".orc_unwind"));
        byte[] noBits = withInt(header + 4, ElfConstants.SHT_NOBITS);
        assertTrue(refusal(noBits).reason().contains("no bytes"));
    }

    @Property(tries = 300)
    void bytesChangedAnywhereInTables(
            @ForAll @IntRange(min = 0, max = 4) int part,
            @ForAll @IntRange(min = 0, max = 1 << 20) int at,
            @ForAll @Size(min = 1, max = 8) byte[] change) {
        ElfSection target = switch (part) {
            case 0 -> section(".orc_unwind");
            case 1 -> section(".orc_unwind_ip");
            case 2 -> relocations();
            case 3 -> section(".orc_header");
            default -> section(".symtab");
        };
        byte[] bytes = BYTES.clone();
        for (int i = 0; i < change.length; i++) {
            bytes[(int) (target.fileOffset() + (at + i) % target.size())] = change[i];
        }
        try {
            OrcTable table = OrcTable.of(elf(bytes), null);
            assertEquals(349, table.size());
            for (int row = 1; row < table.size(); row++) {
                assertTrue(Long.compareUnsigned(table.address(row - 1), table.address(row)) <= 0);
            }
        } catch (MalformedInputException e) {
            assertTrue(e.source().startsWith(MODULE), e.source());
        }
    }

    @Property(tries = 300)
    void tablesOfNoise(
            @ForAll @Size(max = 600) byte[] unwind, @ForAll @Size(max = 400) byte[] ips, @ForAll long address) {
        for (OrcFormat format : OrcFormat.values()) {
            try {
                OrcTable table = OrcTable.read(Bytes.of(unwind, "unwind"), Bytes.of(ips, "ips"), address, format);
                assertEquals(ips.length / 4, table.size());
                assertTrue(table.find(address) < table.size());
            } catch (MalformedInputException e) {
                assertTrue(e.source().equals("unwind") || e.source().equals("ips"), e.source());
            }
        }
    }
}
