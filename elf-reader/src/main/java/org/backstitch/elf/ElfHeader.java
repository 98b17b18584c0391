package org.backstitch.elf;

import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;

/**
 * The ELF header (gABI, chapter 4) of a 64-bit little-endian file. Counts are those of the header itself: where a file has too many
 * sections or segments for 16 bits, they say so and the first section header holds the real ones.
 */
record ElfHeader(
        int osAbi,
        int type,
        int machine,
        long entry,
        long programHeaderOffset,
        long sectionHeaderOffset,
        int programHeaderSize,
        int programHeaderCount,
        int sectionHeaderSize,
        int sectionHeaderCount,
        int sectionNameIndex) {
    static final int SIZE = 64;
    static final int PROGRAM_HEADER_SIZE = 56;
    static final int SECTION_HEADER_SIZE = 64;

    private static final int MAGIC = 0x464c457f;
    private static final int EI_CLASS = 4;
    private static final int EI_DATA = 5;
    private static final int EI_VERSION = 6;
    private static final int EI_OSABI = 7;
    private static final int ELFCLASS32 = 1;
    private static final int ELFCLASS64 = 2;
    private static final int ELFDATA2LSB = 1;
    private static final int ELFDATA2MSB = 2;
    private static final int EV_CURRENT = 1;

    /** @throws MalformedInputException if the bytes do not start with the header of a file that this library reads */
    static ElfHeader read(Bytes file) {
        if (!file.contains(0, 4) || file.i32(0) != MAGIC) {
            throw file.malformed(0, "not an ELF file");
        }
        file.check(0, SIZE);
        checkIdentification(file);
        int type = file.u16(16);
        if (type < ElfConstants.ET_REL || type > ElfConstants.ET_CORE) {
            throw file.malformed(16, "an ELF file of unknown type " + type);
        }
        return new ElfHeader(
                file.u8(EI_OSABI),
                type,
                file.u16(18),
                file.i64(24),
                file.i64(32),
                file.i64(40),
                file.u16(54),
                file.u16(56),
                file.u16(58),
                file.u16(60),
                file.u16(62));
    }

    private static void checkIdentification(Bytes file) {
        switch (file.u8(EI_CLASS)) {
            case ELFCLASS64 -> {}
            case ELFCLASS32 -> throw file.malformed(EI_CLASS, "a 32-bit ELF file; only 64-bit ones are supported");
            default -> throw file.malformed(EI_CLASS, "an ELF file of unknown class " + file.u8(EI_CLASS));
        }
        switch (file.u8(EI_DATA)) {
            case ELFDATA2LSB -> {}
            case ELFDATA2MSB ->
                throw file.malformed(EI_DATA, "a big-endian ELF file; only little-endian ones are supported");
            default -> throw file.malformed(EI_DATA, "an ELF file of unknown byte order " + file.u8(EI_DATA));
        }
        if (file.u8(EI_VERSION) != EV_CURRENT) {
            throw file.malformed(EI_VERSION, "an ELF file of unknown version " + file.u8(EI_VERSION));
        }
    }
}
