package org.backstitch.elf.orc;

import java.util.Arrays;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;

/**
 * Which places in which sections the entries of a relocatable file describe: {@code .orc_unwind_ip} of a {@code .ko} holds nothing
 * itself, each of its numbers is the work of one relocation.
 */
final class OrcRelocations {
    private static final int RELA_SIZE = 24;
    private static final int SYMBOL_SIZE = 24;
    private static final int R_X86_64_PC32 = 2;

    private final ElfFile elf;
    private final ElfSection ips;
    private final ElfSection relocations;
    private final Bytes symbols;
    private final Bytes wideSections;

    private OrcRelocations(ElfFile elf, ElfSection ips, ElfSection relocations) {
        this.elf = elf;
        this.ips = ips;
        this.relocations = relocations;
        this.symbols = elf.section(relocations.link())
                .filter(table -> table.type() == ElfConstants.SHT_SYMTAB)
                .orElseThrow(() -> elf.bytes()
                        .malformed(relocations.fileOffset(), "the relocations of .orc_unwind_ip lack symbols"))
                .data();
        this.wideSections = elf.sections().stream()
                .filter(table -> table.type() == ElfConstants.SHT_SYMTAB_SHNDX && table.link() == relocations.link())
                .findFirst()
                .map(ElfSection::data)
                .orElse(symbols.slice(0, 0));
    }

    /**
     * The place that each entry describes: the section's index in the upper 32 bits, the offset in it in the lower.
     *
     * @throws org.backstitch.bytes.MalformedInputException if an entry has no relocation, or one that objtool does not write
     */
    static long[] places(ElfFile elf, ElfSection ips, int rowCount) {
        ElfSection relocations = elf.sections().stream()
                .filter(section -> section.type() == ElfConstants.SHT_RELA && section.info() == ips.index())
                .findFirst()
                .orElseThrow(() ->
                        elf.bytes().malformed(ips.fileOffset(), "a relocatable file without .rela.orc_unwind_ip"));
        return new OrcRelocations(elf, ips, relocations).places(rowCount);
    }

    private long[] places(int rowCount) {
        Bytes entries = relocations.data();
        // No code lies in section 0, so a place is never 0.
        long[] places = new long[rowCount];
        for (long at = 0; entries.contains(at, RELA_SIZE); at += RELA_SIZE) {
            long offset = entries.i64(at);
            long row = Long.divideUnsigned(offset, OrcFormat.IP_SIZE);
            if (offset % OrcFormat.IP_SIZE != 0 || row < 0 || row >= rowCount || places[(int) row] != 0) {
                throw entries.malformed(
                        at,
                        "a relocation of .orc_unwind_ip at 0x" + Long.toHexString(offset)
                                + ": expected one for each of its " + rowCount + " entries");
            }
            if (entries.i32(at + 8) != R_X86_64_PC32) {
                throw entries.malformed(
                        at + 8,
                        "expected R_X86_64_PC32, found relocation type "
                                + Integer.toUnsignedString(entries.i32(at + 8)));
            }
            places[(int) row] = place(entries, at, entries.u32(at + 12), entries.i64(at + 16));
        }
        int missing = firstMissing(places);
        if (missing >= 0) {
            throw elf.bytes()
                    .malformed(
                            ips.fileOffset() + (long) missing * OrcFormat.IP_SIZE,
                            "an entry of .orc_unwind_ip without a relocation");
        }
        return places;
    }

    private static int firstMissing(long[] places) {
        for (int row = 0; row < places.length; row++) {
            if (places[row] == 0) {
                return row;
            }
        }
        return -1;
    }

    private long place(Bytes entries, long at, long symbol, long addend) {
        long symbolAt = symbol * SYMBOL_SIZE;
        int section = symbols.u16(symbolAt + 6);
        if (section == ElfConstants.SHN_XINDEX) {
            section = wideSections.i32(symbol * Integer.BYTES);
        } else if (section >= ElfConstants.SHN_LORESERVE) {
            section = 0;
        }
        long offset = symbols.i64(symbolAt + 8) + addend;
        if (section == 0 || elf.section(section).isEmpty() || offset >>> 32 != 0) {
            throw entries.malformed(
                    at,
                    "a relocation of .orc_unwind_ip against section " + section + " offset 0x"
                            + Long.toHexString(offset) + ", where no code can be");
        }
        return (long) section << 32 | offset;
    }

    /** The names of the file's sections. */
    static OrcTable.SectionNames names(ElfFile elf) {
        String[] names = new String[elf.sections().size()];
        Arrays.fill(names, "");
        return section -> {
            if (names[section].isEmpty()) {
                names[section] = elf.sections().get(section).name();
            }
            return names[section];
        };
    }
}
