package org.backstitch.dump.text;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.jspecify.annotations.Nullable;

/**
 * A line of {@code /proc/PID/maps} (proc(5)): {@code start-end perms offset device inode path}.
 *
 * @param start the first address
 * @param end the address behind the last one; above {@code start}
 * @param permissions four letters: {@code r}, {@code w}, {@code x} or {@code -} for each, then {@code p} or {@code s}
 * @param fileOffset of the first byte in the file, in bytes
 * @param inode of the file; 0 where nothing is said of one
 * @param path the file, a name in brackets, or empty
 */
public record MapsLine(long start, long end, String permissions, long fileOffset, long inode, String path) {
    /** Fields in front of the path, which may hold spaces itself. */
    private static final int FIELDS = 5;

    public boolean isReadable() {
        return permissions.startsWith("r");
    }

    public boolean isWritable() {
        return permissions.indexOf('w') == 1;
    }

    public boolean isExecutable() {
        return permissions.indexOf('x') == 2;
    }

    /** Whether nothing but memory is there: no file, and none of the kernel's own pages. */
    public boolean isAnonymous() {
        return path.isEmpty() || path.startsWith("[stack") || path.equals("[heap]") || path.startsWith("[anon");
    }

    /** Whether code of a file may be there. */
    public boolean isFile() {
        return path.startsWith("/") && !path.startsWith("/dev/") && !path.startsWith("/SYSV");
    }

    public boolean contains(long address) {
        return Long.compareUnsigned(address - start, end - start) < 0;
    }

    /** The same as unwinding wants it. */
    public Mapping mapping(@Nullable ElfModule module) {
        return new Mapping(start, end, fileOffset, isExecutable(), path, isExecutable() ? module : null);
    }

    /**
     * All lines of a file.
     *
     * @param faults takes what is wrong with single lines, which are left out
     */
    public static List<MapsLine> readAll(Bytes text, List<MalformedInputException> faults) {
        List<MapsLine> lines = new ArrayList<>();
        for (TextLine line : TextLine.split(text)) {
            if (!line.text().isBlank()) {
                try {
                    lines.add(read(line, text));
                } catch (MalformedInputException e) {
                    faults.add(e);
                }
            }
        }
        return lines;
    }

    private static MapsLine read(TextLine line, Bytes source) {
        String[] fields = line.text().strip().split("[ \t]+", FIELDS + 1);
        int dash = fields[0].indexOf('-');
        if (fields.length < 2 || dash < 0) {
            throw source.malformed(line.offset(), "expected \"start-end perms offset device inode path\"");
        }
        long start = line.hexadecimal(fields[0].substring(0, dash), source);
        long end = line.hexadecimal(fields[0].substring(dash + 1), source);
        if (Long.compareUnsigned(start, end) >= 0) {
            throw source.malformed(line.offset(), "mapped from 0x%x to 0x%x".formatted(start, end));
        }
        long fileOffset = fields.length > 2 ? line.hexadecimal(fields[2], source) : 0;
        long inode = fields.length > 4 && fields[4].matches("[0-9]{1,19}") ? Long.parseUnsignedLong(fields[4]) : 0;
        String path = fields.length > FIELDS ? fields[FIELDS].strip() : "";
        return new MapsLine(start, end, fields[1], fileOffset, inode, path);
    }

    /** The line as the kernel would write it, but for the device, which nobody asks for. */
    @Override
    public String toString() {
        String fixed = "%08x-%08x %s %08x 00:00 %s"
                .formatted(start, end, permissions, fileOffset, Long.toUnsignedString(inode));
        return path.isEmpty() ? fixed : "%-72s %s".formatted(fixed, path);
    }
}
