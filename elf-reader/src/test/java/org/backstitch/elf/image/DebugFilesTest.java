package org.backstitch.elf.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSymbols;
import org.backstitch.elf.Fixture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DebugFilesTest {
    @TempDir
    private Path root;

    private final Arena arena = Arena.ofAuto();

    private Path put(String path, byte[] content) throws Exception {
        Path file = root.resolve(path);
        Files.createDirectories(file.getParent());
        return Files.write(file, content);
    }

    private DebugFiles.Search find(String program, String path) {
        return DebugFiles.in(FileTree.under(root)).find(Fixture.elf(program), path, arena);
    }

    private static List<String> names(ElfFile elf) {
        ElfSymbols symbols = elf.symbols().orElseThrow();
        return java.util.stream.IntStream.range(0, symbols.count())
                .mapToObj(symbols::name)
                .filter(name -> name.equals("hidden") || name.equals("shown"))
                .sorted()
                .toList();
    }

    @Test
    void findsByBuildId() throws Exception {
        String id = Fixture.elf("prog").buildId().orElseThrow().hex();
        put(
                "usr/lib/debug/.build-id/" + id.substring(0, 2) + "/" + id.substring(2) + ".debug",
                Fixture.bytes("prog.debug"));
        DebugFiles.Search search = find("prog", "/anywhere/prog");
        assertEquals(List.of("hidden", "shown"), names(search.file().orElseThrow()));
        assertEquals(List.of(), search.rejected());
        assertEquals(Optional.empty(), Fixture.elf("prog").symbols());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "usr/bin/noid.debug",
                "usr/bin/.debug/noid.debug",
                "usr/lib/debug/usr/bin/noid.debug",
                "usr/lib/debug/bin/noid.debug"
            })
    void findsByDebugLink(String place) throws Exception {
        put(place, Fixture.bytes("noid.debug"));
        DebugFiles.Search search = find("noid", "/usr/bin/noid");
        assertEquals(List.of("hidden", "shown"), names(search.file().orElseThrow()));
    }

    @Test
    void takesOnlyWhatIsProved() throws Exception {
        byte[] changed = Fixture.bytes("noid.debug");
        changed[changed.length - 1] ^= 1;
        put("usr/bin/noid.debug", changed);
        put("usr/bin/.debug/noid.debug", "text".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        put("usr/lib/debug/usr/bin/noid.debug", Fixture.bytes("noid.debug"));
        DebugFiles.Search search = find("noid", "/usr/bin/noid");
        assertTrue(search.file().isPresent());
        assertEquals(2, search.rejected().size());
        assertTrue(search.rejected().get(0).reason().startsWith("has CRC "), search::toString);
        assertEquals("not an ELF file", search.rejected().get(1).reason());

        put("usr/bin/prog.debug", Fixture.bytes("noid.debug"));
        DebugFiles.Search other = find("prog", "/usr/bin/prog");
        assertEquals(Optional.empty(), other.file());
        assertTrue(other.rejected().get(0).reason().startsWith("has CRC "), other::toString);
    }

    /** As after chroot: neither an absolute link nor {@code ..} leads out. */
    @Test
    void staysUnderTheRoot() throws Exception {
        put("real/bin/noid.debug", Fixture.bytes("noid.debug"));
        Files.createSymbolicLink(root.resolve("usr"), Path.of("/real"));
        FileTree files = FileTree.under(root);
        assertEquals(Optional.of(root.resolve("real/bin/noid.debug")), files.find("/usr/bin/noid.debug"));
        assertEquals(
                Optional.of(root.resolve("real/bin/noid.debug")), files.find("/../../usr/../usr/bin/./noid.debug"));
        assertTrue(find("noid", "/usr/bin/noid").file().isPresent());
        Files.createSymbolicLink(root.resolve("passwd"), Path.of("/etc/passwd"));
        assertEquals(Optional.empty(), files.find("/passwd"));
        Files.createSymbolicLink(root.resolve("loop"), Path.of("loop"));
        assertEquals(Optional.empty(), files.find("/loop"));
        assertEquals(Optional.empty(), files.find("/real"), "a directory");
        assertEquals(Optional.empty(), files.find("a\0b"));
        assertTrue(FileTree.host().find("/etc/passwd").isPresent());
    }

    @Test
    void opensEmbeddedSymbols() {
        ElfFile mini = Fixture.elf("prog.mini");
        assertEquals(Optional.empty(), mini.symbols());
        assertEquals(List.of("hidden", "shown"), names(DebugFiles.embedded(mini).orElseThrow()));
        assertTrue(DebugFiles.embedded(Fixture.elf("prog")).isEmpty());
        byte[] broken = Fixture.bytes("prog.mini");
        int at = (int) mini.section(".gnu_debugdata").orElseThrow().fileOffset();
        broken[at + 30] ^= 0x55;
        ElfFile bad = ElfFile.of(Bytes.of(broken, "bad"));
        assertThrows(MalformedInputException.class, () -> DebugFiles.embedded(bad));
    }

    @Test
    void readsDebugLinks() {
        assertEquals(
                "prog.debug", DebugLink.of(Fixture.elf("prog")).orElseThrow().fileName());
        assertEquals(Optional.empty(), DebugLink.of(Fixture.elf("prog.full")));
        byte[] file = Fixture.bytes("prog");
        int at = (int)
                Fixture.elf("prog").section(".gnu_debuglink").orElseThrow().fileOffset();
        file[at + 4] = '/';
        ElfFile bad = ElfFile.of(Bytes.of(file, "bad"));
        assertThrows(MalformedInputException.class, () -> DebugLink.of(bad));
    }
}
