package org.backstitch.elf;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;

/**
 * Section and program header tables of a file, with what is wrong with them. Each is read on its own, so that a broken section table
 * (common in files that were stripped by hand, packed or cut off) does not cost the segments.
 */
final class HeaderTables {
    private HeaderTables() {}

    /** What could be read of a table, and why the rest could not. */
    record Table<T>(List<T> entries, List<MalformedInputException> faults) {}

    static Table<ElfSection> sections(Bytes file, ElfHeader header, long inflationLimit) {
        List<MalformedInputException> faults = new ArrayList<>();
        long offset = header.sectionHeaderOffset();
        if (offset == 0) {
            return new Table<>(List.of(), List.of());
        }
        if (header.sectionHeaderSize() != ElfHeader.SECTION_HEADER_SIZE) {
            faults.add(file.malformed(58, "expected section headers of 64 bytes, found " + header.sectionHeaderSize()));
            return new Table<>(List.of(), faults);
        }
        if (!file.contains(offset, ElfHeader.SECTION_HEADER_SIZE)) {
            faults.add(file.malformed(offset, "the section headers lie outside of the file"));
            return new Table<>(List.of(), faults);
        }
        // e_shnum 0: too many for 16 bits, the first header's sh_size is the count (gABI, "ELF Header").
        long count = header.sectionHeaderCount() == 0 ? file.i64(offset + 32) : header.sectionHeaderCount();
        long fitting = (file.size() - offset) / ElfHeader.SECTION_HEADER_SIZE;
        if (Long.compareUnsigned(count, fitting) > 0) {
            faults.add(file.malformed(
                    offset,
                    "expected " + Long.toUnsignedString(count) + " section headers, but the file ends after "
                            + fitting));
            count = fitting;
        }
        SectionNames names = new SectionNames(file, header, offset, count);
        List<ElfSection> sections = new ArrayList<>();
        for (int i = 0; i < count && i < Integer.MAX_VALUE; i++) {
            Bytes raw = file.slice(offset + (long) i * ElfHeader.SECTION_HEADER_SIZE, ElfHeader.SECTION_HEADER_SIZE);
            sections.add(new ElfSection(file, inflationLimit, i, names, raw));
        }
        names.fault().ifPresent(faults::add);
        return new Table<>(List.copyOf(sections), List.copyOf(faults));
    }

    static Table<ElfSegment> segments(Bytes file, ElfHeader header) {
        List<MalformedInputException> faults = new ArrayList<>();
        long offset = header.programHeaderOffset();
        long count = header.programHeaderCount();
        if (offset == 0 || count == 0) {
            return new Table<>(List.of(), List.of());
        }
        if (header.programHeaderSize() != ElfHeader.PROGRAM_HEADER_SIZE) {
            faults.add(file.malformed(54, "expected program headers of 56 bytes, found " + header.programHeaderSize()));
            return new Table<>(List.of(), faults);
        }
        if (count == ElfConstants.PN_XNUM) {
            // Too many for 16 bits: the first section header's sh_info is the count (gABI, "ELF Header").
            long first = header.sectionHeaderOffset();
            if (first != 0 && file.contains(first, ElfHeader.SECTION_HEADER_SIZE)) {
                count = file.u32(first + 44);
            } else {
                // A core file that was cut off has lost the count, which stands at its end: there are at least so many.
                faults.add(file.malformed(first, "the section header that counts the program headers is missing"));
            }
        }
        long fitting = file.contains(offset, 0) ? (file.size() - offset) / ElfHeader.PROGRAM_HEADER_SIZE : 0;
        if (count > fitting) {
            faults.add(file.malformed(
                    offset, "expected " + count + " program headers, but the file ends after " + fitting));
            count = fitting;
        }
        List<ElfSegment> segments = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            segments.add(segment(file, offset + i * ElfHeader.PROGRAM_HEADER_SIZE));
        }
        return new Table<>(List.copyOf(segments), List.copyOf(faults));
    }

    private static ElfSegment segment(Bytes file, long at) {
        return new ElfSegment(
                file.i32(at),
                file.i32(at + 4),
                file.i64(at + 8),
                file.i64(at + 16),
                file.i64(at + 24),
                file.i64(at + 32),
                file.i64(at + 40),
                file.i64(at + 48));
    }
}
