package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.backstitch.fixtures.BundledRecording;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Walks that ask the code: with rows made from it in place of a program's own, and with return addresses checked by decoding. */
class WalkByCodeTest {
    @TempDir
    private Path directory = Path.of("");

    private record Run(List<String> lines, String err) {
        /** The lines without the mark of frames that no table gave. */
        List<String> unmarked() {
            return lines.stream()
                    .map(line -> line.replace(",\"via\":\"synthesized\"", ""))
                    .toList();
        }
    }

    private static Run script(BundledRecording recording, String... more) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Stream<String> words = Stream.concat(
                Stream.of(
                        "--format=json",
                        "--symfs=" + recording.symfs(),
                        "--vdso=" + recording.vdso(),
                        recording.data().toString()),
                Stream.of(more));
        ScriptCommand command = new ScriptCommand();
        Session session = Session.of(out, err);
        assertEquals(ExitStatus.DONE, command.run(command.syntax().parse(words.toArray(String[]::new)), session));
        session.out().flush();
        return new Run(out.toString(StandardCharsets.UTF_8).lines().toList(), err.toString(StandardCharsets.UTF_8));
    }

    @Test
    void madeRowsComeToTheSame() throws IOException, InterruptedException {
        BundledRecording recording = BundledRecording.unpack("deep", directory);
        Run own = script(recording);
        assertFalse(own.lines.isEmpty());
        removeTables(program(recording));
        Run made = script(recording, "--synthesize");
        assertEquals(own.lines, made.unmarked());
        assertTrue(made.lines.getFirst().contains(",\"via\":\"synthesized\""), made.lines.getFirst());
        assertTrue(made.err.contains("frames that no table gave: synthesized "), made.err);
    }

    @Test
    void returnAddressesFollowCalls() throws IOException {
        BundledRecording recording = BundledRecording.unpack("deep", directory);
        Run checked = script(recording, "--check-calls");
        assertEquals(script(recording).lines, checked.lines);
        assertTrue(
                checked.err.contains("return addresses checked: 0 do not follow a call; 0 without code"), checked.err);
    }

    private static Path program(BundledRecording recording) throws IOException {
        try (Stream<Path> files = Files.walk(recording.symfs())) {
            return files.filter(path -> path.endsWith("deep")).findFirst().orElseThrow();
        }
    }

    private static void removeTables(Path program) throws IOException, InterruptedException {
        Process objcopy = new ProcessBuilder("objcopy", "-R", ".eh_frame", "-R", ".eh_frame_hdr", program.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(objcopy.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, objcopy.waitFor(), output);
    }
}
