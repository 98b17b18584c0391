package org.backstitch.recording;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The vDSO of the kernel that this program runs under, read from this process's own memory (vdso(7)). */
final class RunningVdso {
    private static final int LARGEST = 1 << 20;

    private RunningVdso() {}

    /** Its image; null where there is none to be read. */
    static byte @Nullable [] read() throws IOException {
        Path maps = Path.of("/proc/self/maps");
        if (!Files.isReadable(maps)) {
            return null;
        }
        for (String line : Files.readAllLines(maps)) {
            if (line.endsWith(ModuleFinder.VDSO)) {
                String[] range = line.substring(0, line.indexOf(' ')).split("-", 2);
                long start = Long.parseUnsignedLong(range[0], 16);
                long length = Long.parseUnsignedLong(range[1], 16) - start;
                if (length <= 0 || length > LARGEST) {
                    return null;
                }
                byte[] image = new byte[(int) length];
                try (RandomAccessFile memory = new RandomAccessFile("/proc/self/mem", "r")) {
                    memory.seek(start);
                    memory.readFully(image);
                }
                return image;
            }
        }
        return null;
    }
}
