package org.backstitch.elf.image;

import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;

/**
 * Content of {@code .gnu_debuglink}: which file holds the debug information (GDB manual, "Debugging Information in Separate Files").
 *
 * @param fileName without a directory
 * @param crc CRC-32 of that file's whole content, as in zip
 */
public record DebugLink(String fileName, int crc) {
    private static final String SECTION = ".gnu_debuglink";
    /** Longest file name of Linux. */
    private static final int MAX_NAME = 255;

    /**
     * The debug link of a file.
     *
     * @throws MalformedInputException if there is one that is broken, or that names no plain file
     */
    public static Optional<DebugLink> of(ElfFile elf) {
        Optional<ElfSection> section = elf.section(SECTION);
        if (section.isEmpty() || section.get().isNoBits()) {
            return Optional.empty();
        }
        Bytes data = section.get().data();
        String name = data.paddedString(0, Math.min(data.size(), MAX_NAME + 1L));
        long nameSize = name.getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
        if (name.isEmpty() || nameSize > MAX_NAME || name.contains("/") || name.equals(".") || name.equals("..")) {
            throw data.malformed(0, "a debug link that names no file");
        }
        long crcAt = (nameSize + 1 + 3) & ~3L;
        return Optional.of(new DebugLink(name, data.i32(crcAt)));
    }
}
