package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.fixtures.BundledRecording;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InjectCommandTest {
    @TempDir
    private Path directory = Path.of("");

    private @Nullable BundledRecording unpacked;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void unpack() throws IOException {
        unpacked = BundledRecording.unpack("ls", Files.createDirectory(directory.resolve("in")));
    }

    private BundledRecording recording() {
        return Objects.requireNonNull(unpacked);
    }

    private void run(Subcommand command, String... words) throws IOException {
        Session session = Session.of(out, err);
        command.run(command.syntax().parse(words), session);
        session.out().flush();
    }

    private void inject(Path from, String to, String... more) throws IOException {
        String[] words = Stream.concat(
                        Stream.of(
                                from.toString(),
                                "-o",
                                to,
                                "--symfs=" + recording().symfs(),
                                "--vdso=" + recording().vdso()),
                        Stream.of(more))
                .toArray(String[]::new);
        run(new InjectCommand(), words);
    }

    private String script(Path data) throws IOException {
        out.reset();
        run(new ScriptCommand(), "--format=json", "--symfs=" + recording().symfs(), data.toString());
        return out.toString(StandardCharsets.UTF_8);
    }

    /** What the format has no place for. */
    private static String known(String json) {
        return json.replaceAll(",\"via\":\"[a-z-]*\"", "")
                .replaceAll("\"user_stop\":\"(?!none)[a-z-]*\"", "\"user_stop\":\"recorded\"")
                .replace("\"deferred\":\"stitched\"", "\"deferred\":\"no\"");
    }

    @Test
    void scriptPrintsTheSameOfTheInjected() throws IOException {
        String original = known(script(recording().data()));
        assertTrue(original.lines().count() > 700);
        for (List<String> form : List.of(List.<String>of(), List.of("--deferred"))) {
            Path target = directory.resolve("out.data");
            inject(recording().data(), target.toString(), form.toArray(String[]::new));
            assertEquals(original, known(script(target)));
        }
        // By an independent count of equal registers and stacks in kernel mode that follow each other in a task.
        String said = err.toString(StandardCharsets.UTF_8);
        assertTrue(said.contains("1,051 recorded stacks, 977 unwinds: 74 avoided (7.0 %)"), said);
        assertTrue(said.contains("974 deferred callchains written"), said);
        assertTrue(
                said.contains("bytes, of "
                        + String.format("%,d", Files.size(recording().data()))),
                said);
    }

    @Test
    void standardOutputIsAPipe() throws IOException {
        Path target = directory.resolve("out.data");
        inject(recording().data(), target.toString());
        inject(recording().data(), "-");
        Path piped = Files.write(directory.resolve("piped.data"), out.toByteArray());
        assertEquals(script(target), script(piped));
    }

    @Test
    void theRecordingIsNotWrittenOverItself() throws IOException {
        byte[] before = Files.readAllBytes(recording().data());
        assertThrows(
                UsageException.class,
                () -> inject(recording().data(), recording().data().toString()));
        Path link = Files.createSymbolicLink(
                directory.resolve("link.data"), recording().data());
        assertThrows(UsageException.class, () -> inject(recording().data(), link.toString()));
        assertThrows(
                UsageException.class,
                () -> run(new InjectCommand(), recording().data().toString()));
        assertArrayEquals(before, Files.readAllBytes(recording().data()));
    }

    @Test
    void aFailureLeavesWhatWasThere() throws IOException {
        Path target = Files.writeString(directory.resolve("out.data"), "before");
        Path bad = Files.writeString(directory.resolve("bad.data"), "PERFILE2 but nothing else that helps");
        assertThrows(MalformedInputException.class, () -> inject(bad, target.toString()));
        Path kept = directory.resolve("kept");
        // The work is done and the place is missing: nothing half done stays under any name.
        assertThrows(
                IOException.class,
                () -> inject(recording().data(), kept.resolve("out.data").toString()));
        assertEquals("before", Files.readString(target));
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(
                    List.of("bad.data", "in", "out.data"),
                    files.map(file -> file.getFileName().toString()).sorted().toList());
        }
    }

    @Test
    void aLinkStaysALink() throws IOException {
        Path real = Files.writeString(directory.resolve("real.data"), "");
        Path link = Files.createSymbolicLink(directory.resolve("link.data"), real);
        inject(recording().data(), link.toString());
        assertTrue(Files.isSymbolicLink(link));
        assertTrue(Files.size(real) > 100_000);
    }
}
