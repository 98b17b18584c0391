package org.backstitch.elf.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;

/**
 * A copy of an ELF file in which everything keeps its place, and what neither unwinding nor naming reads is a hole: code (but not the
 * stubs of the procedure linkage table), data, line numbers. Holes take no room on disk, and none to speak of when compressed.
 *
 * <p>Kept are the ELF header, both header tables, and sections that are symbols, strings, relocations, notes, dynamic, or unwind
 * information. A file without section headers cannot be told apart, and is kept whole.
 */
public final class SlimElf {
    /** Offsets of fields of the ELF header (gABI, "ELF Header"), whose tables have no accessor of their own. */
    private static final int E_PHOFF = 32;

    private static final int E_SHOFF = 40;
    private static final int E_PHENTSIZE = 54;
    private static final int E_SHENTSIZE = 58;
    private static final int EHDR_SIZE = 64;

    private static final int CHUNK = 1 << 20;

    /**
     * Bytes of a file that stay.
     *
     * @param offset of the first of them in the file
     * @param length how many; ranges may overlap each other, and reach beyond the file
     */
    public record Range(long offset, long length) {}

    private SlimElf() {}

    /**
     * Writes a slim copy.
     *
     * @param elf the file
     * @param withCode whether executable sections stay: needed where the walk proves a return address by the call before it
     * @param target the copy, which must not exist
     * @return how many bytes of the file stayed
     */
    public static long write(ElfFile elf, boolean withCode, Path target) throws IOException {
        return write(elf, withCode, List.of(), target);
    }

    /**
     * Writes a slim copy in which some bytes stay that would not have.
     *
     * @param elf the file
     * @param withCode whether executable sections stay
     * @param more what stays besides
     * @param target the copy, which must not exist
     * @return how many bytes of the file stayed
     */
    public static long write(ElfFile elf, boolean withCode, Collection<Range> more, Path target) throws IOException {
        Bytes bytes = elf.bytes();
        long kept = 0;
        try (FileChannel channel = FileChannel.open(
                target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            for (Range range : kept(elf, withCode, more)) {
                write(bytes, range, channel);
                kept += range.length;
            }
            if (bytes.size() > 0 && channel.size() < bytes.size()) {
                channel.write(ByteBuffer.allocate(1), bytes.size() - 1);
            }
        }
        return kept;
    }

    private static void write(Bytes bytes, Range range, FileChannel channel) throws IOException {
        long end = range.offset + range.length;
        for (long at = range.offset; at < end; ) {
            int length = (int) Math.min(CHUNK, end - at);
            ByteBuffer buffer = ByteBuffer.wrap(bytes.copy(at, length));
            while (buffer.hasRemaining()) {
                at += channel.write(buffer, at);
            }
        }
    }

    /** The ranges that stay, in order and without overlap, each inside of the file. */
    private static List<Range> kept(ElfFile elf, boolean withCode, Collection<Range> more) {
        long size = elf.bytes().size();
        if (elf.sections().isEmpty()) {
            return List.of(new Range(0, size));
        }
        Bytes bytes = elf.bytes();
        List<Range> wanted = new ArrayList<>(more);
        wanted.add(new Range(0, EHDR_SIZE));
        wanted.add(new Range(bytes.i64(E_PHOFF), (long) elf.segments().size() * bytes.u16(E_PHENTSIZE)));
        wanted.add(new Range(bytes.i64(E_SHOFF), (long) elf.sections().size() * bytes.u16(E_SHENTSIZE)));
        for (ElfSection section : elf.sections()) {
            if (!section.isNoBits() && (isRead(section) || (withCode && isCode(section)))) {
                wanted.add(new Range(section.fileOffset(), section.size()));
            }
        }
        wanted.sort(Comparator.comparingLong(Range::offset));
        List<Range> disjoint = new ArrayList<>();
        long done = 0;
        for (Range range : wanted) {
            // Sections of a damaged file may lie anywhere.
            long start = Math.max(done, Math.clamp(range.offset, 0, size));
            long end = Math.clamp(range.offset + range.length, start, size);
            if (end > start) {
                disjoint.add(new Range(start, end - start));
                done = end;
            }
        }
        return disjoint;
    }

    private static boolean isCode(ElfSection section) {
        return section.hasFlags(ElfConstants.SHF_EXECINSTR);
    }

    private static boolean isRead(ElfSection section) {
        String name = section.name();
        if (section.type() != ElfConstants.SHT_PROGBITS) {
            // .debug_str is merged strings of PROGBITS; all other debug sections are PROGBITS too.
            return true;
        }
        return name.equals(".eh_frame")
                || name.equals(".eh_frame_hdr")
                || name.equals(".debug_frame")
                || name.equals(".zdebug_frame")
                || name.equals(".gnu_debugdata")
                || name.equals(".gnu_debuglink")
                || name.equals(".gnu_debugaltlink")
                || name.startsWith(".orc_")
                || name.startsWith(".got")
                || name.startsWith(".plt")
                || name.equals(".iplt");
    }
}
