package org.backstitch.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A directory that a target writes its input to, where the product reads files only. */
final class Scratch {
    private final Path directory;
    private final Path empty;

    Scratch() {
        try {
            directory = Files.createTempDirectory("fuzz");
            empty = Files.createDirectory(directory.resolve("empty"));
            directory.toFile().deleteOnExit();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The input as a file; there is one at a time. */
    Path file(byte[] content) throws IOException {
        Path file = directory.resolve("input");
        Files.write(file, content);
        return file;
    }

    /** A directory of its own for an input of several files. */
    Path directory(String name) throws IOException {
        return Files.createDirectories(directory.resolve(name));
    }

    /** A directory without files, to keep the product from this machine's own. */
    Path empty() {
        return empty;
    }
}
