package org.backstitch.dump.user;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.live.ProcFiles;
import org.backstitch.dump.text.MapsLine;

/**
 * The code of a running process, read from its memory when it is wanted: what a just-in-time compiler made, the vDSO, a file that is
 * gone. Unlike a stack, code stays as it is for long enough. Thread-safe.
 */
final class ProcessCode {
    private static final int PAGE = 4096;

    private final Path file;
    private final AddressRanges executable;
    private final Map<Long, Bytes> pages = new HashMap<>();

    ProcessCode(int pid, List<MapsLine> lines) {
        file = ProcFiles.directory(pid).resolve("mem");
        AddressRanges.Builder ranges = new AddressRanges.Builder();
        lines.stream()
                .filter(line -> line.isExecutable() && line.isReadable())
                .forEach(line -> ranges.add(line.start(), line.end()));
        executable = ranges.build();
    }

    /** Whether bytes lie in code, and can be read. */
    boolean isReadable(long address, int length) {
        return executable.contains(address)
                && executable.contains(address + length - 1)
                && at(address, length).size() == length;
    }

    /** Eight bytes that are readable. */
    long readLong(long address) {
        return at(address, Long.BYTES).i64(0);
    }

    private Bytes at(long address, int length) {
        long start = address & -PAGE;
        Bytes page = page(start);
        if (page.contains(address - start, length)) {
            return page.slice(address - start, length);
        }
        return read(address, length); // across the border of two pages
    }

    private synchronized Bytes page(long start) {
        return pages.computeIfAbsent(start, address -> read(address, PAGE));
    }

    /** As much of some bytes as the process has, from the first on. */
    Bytes read(long address, int length) {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        if (address >= 0) { // user space
            try (FileChannel memory = FileChannel.open(file)) {
                int read = 0;
                while (buffer.hasRemaining() && read >= 0) {
                    read = memory.read(buffer, address + buffer.position());
                }
            } catch (IOException e) {
                buffer.limit(buffer.position()); // not mapped any more, or the process has ended: that is what it has
            }
        }
        return Bytes.of(java.util.Arrays.copyOf(buffer.array(), buffer.position()), file.toString());
    }
}
