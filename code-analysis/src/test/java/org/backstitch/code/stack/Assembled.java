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

    /** What gcc or g++ makes of C or C++, with the options given. */
    public static ElfFile compiled(String compiler, String suffix, String source, Path directory, Arena arena, String... options)
            throws IOException, InterruptedException {
        Path file = directory.resolve("case" + suffix);
        Path library = directory.resolve("case.so");
        Files.writeString(file, source);
        List<String> command = new java.util.ArrayList<>(List.of(compiler, "-shared", "-fPIC"));
        command.addAll(List.of(options));
        command.addAll(List.of("-o", library.toString(), file.toString()));
        run(command);
        return ElfFile.map(library, arena);
    }

    private static void run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + ": " + output);
        }
    }
}
