package org.backstitch.elf.image;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Paths as other people's files have them. */
class FileTreeTest {
    @TempDir
    private Path directory;

    /** Half a surrogate pair has no bytes in any encoding, as letters outside of ASCII have none under {@code LC_ALL=C}. */
    @ParameterizedTest
    @ValueSource(strings = {"/lib/\0", "\0", "/lib/\ud800.so", "\ud800/lib"})
    void whatNoFileCanBeCalledIsNotThere(String path) {
        for (FileTree files : new FileTree[] {FileTree.host(), FileTree.under(directory)}) {
            assertEquals(Optional.empty(), files.find(path));
            assertEquals(Optional.empty(), files.findDirectory(path));
        }
        assertEquals(Optional.empty(), FileTree.pathOf(path));
    }

    @Test
    void pathsAreThoseOfTheTree() throws IOException {
        Path lib = Files.createDirectories(directory.resolve("usr/lib"));
        Path file = Files.createFile(lib.resolve("a b.so"));
        Files.createSymbolicLink(directory.resolve("lib"), Path.of("/usr/lib"));
        FileTree files = FileTree.under(directory);
        for (String path : new String[] {"/usr/lib/a b.so", "usr/lib/a b.so", "/lib/a b.so", "/../lib/./a b.so"}) {
            assertEquals(Optional.of(file), files.find(path), path);
            assertEquals(Optional.empty(), files.findDirectory(path));
        }
        assertEquals(Optional.of(lib), files.findDirectory("/lib"));
        assertEquals(Optional.empty(), files.find("/lib"));
        assertEquals(Optional.of(file), FileTree.host().find(file.toString()));
    }
}
