package org.backstitch.code.capstone;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;

/** Code that every Debian has: the text section of its C library. */
record SystemCode(Path file, long address, Bytes bytes) {
    private static final List<Path> C_LIBRARIES = List.of(
            Path.of("/lib/x86_64-linux-gnu/libc.so.6"),
            Path.of("/usr/lib/x86_64-linux-gnu/libc.so.6"),
            Path.of("/usr/lib64/libc.so.6"));

    static SystemCode cLibrary(Arena arena) throws IOException {
        for (Path path : C_LIBRARIES) {
            if (Files.exists(path)) {
                ElfSection text = ElfFile.map(path, arena).section(".text").orElseThrow();
                return new SystemCode(path, text.address(), text.data());
            }
        }
        throw new IOException("no C library among " + C_LIBRARIES);
    }
}
