package org.backstitch.code.stack;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.elf.ElfFile;

/** Programs that the system's assembler and linker make of a test's source. */
public final class Assembled {
    private Assembled() {}

    /** A shared object of assembly in GNU syntax. */
    public static ElfFile shared(String source, Path directory, Arena arena) throws IOException, InterruptedException {
        Path assembly = directory.resolve("case.s");
        Path library = directory.resolve("case.so");
        Files.writeString(assembly, source + "\n.section .note.GNU-stack,\"\",@progbits\n");
        run(List.of("gcc", "-shared", "-nostdlib", "-o", library.toString(), assembly.toString()));
        return ElfFile.map(library, arena);
    }

    /** A relocatable object of assembly in GNU syntax. */
    public static ElfFile object(String source, Path directory, Arena arena) throws IOException, InterruptedException {
        Path assembly = directory.resolve("case.s");
        Path object = directory.resolve("case.o");
        Files.writeString(assembly, source + "\n");
        run(List.of("gcc", "-c", "-o", object.toString(), assembly.toString()));
        return ElfFile.map(object, arena);
    }

    private static void run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + ": " + output);
        }
    }
}
