package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.backstitch.fixtures.BundledRecording;
import org.backstitch.fixtures.Fixtures;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --synthesize} and {@code --check-calls} on a recording, whose program is whole but has no unwind tables. */
class CodeInWalksTest {
    private static final String PROGRAM = "tmp/lab/peers/data/bin/sig";

    private record Run(String out, String err) {}

    @TempDir
    private Path directory = Path.of("");

    private BundledRecording recording = new BundledRecording("", "", directory);

    @BeforeEach
    void unpack() throws IOException {
        recording = BundledRecording.unpack("signals", directory);
    }

    private void takeTablesAway() throws IOException {
        Files.write(recording.symfs().resolve(PROGRAM), Fixtures.bytes("recordings/signals/whole/sig.xz"));
    }

    private Run script(String... options) throws IOException {
        List<String> words = new ArrayList<>(List.of(options));
        words.addAll(List.of("--symfs", recording.symfs().toString()));
        words.addAll(List.of("--vdso", recording.vdso().toString()));
        words.add(recording.data().toString());
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Session session = Session.of(out, err);
        Subcommand script = new ScriptCommand();
        assertEquals(ExitStatus.DONE, script.run(script.syntax().parse(words.toArray(String[]::new)), session));
        session.out().flush();
        return new Run(out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    /** The pcs of every sample, parted by spaces, in the order of time. */
    private static List<String> chains(String json) throws IOException {
        List<String> chains = new ArrayList<>();
        for (String line : json.lines().toList()) {
            List<String> pcs = new ArrayList<>();
            try (JsonParser parser = new JsonFactory().createParser(line)) {
                while (parser.nextToken() != null) {
                    if (parser.currentToken() == JsonToken.VALUE_STRING && "ip".equals(parser.currentName())) {
                        pcs.add(parser.getText());
                    }
                }
            }
            chains.add(String.join(" ", pcs));
        }
        return chains;
    }

    private List<String> golden() {
        return recording.goldenChains().orElseThrow().stream()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.split("\t", -1)[4])
                .toList();
    }

    /** Made rows lead through the program as its own did: to the chains that libunwind and libdw give by those. */
    @Test
    void madeRowsGiveTheChainsOfTheTables() throws IOException {
        takeTablesAway();
        Run with = script("--format", "json", "--max-stack", "1024", "--synthesize");
        assertEquals(golden(), chains(with.out));
        assertTrue(with.out.contains("\"via\":\"synthesized\""));
        assertTrue(with.err.contains("frames that no table gave: synthesized "), with.err);
        assertFalse(with.err.contains("no rows made"), with.err);
        Run without = script("--format", "json", "--max-stack", "1024");
        assertFalse(golden().equals(chains(without.out)), "its rows would have been found elsewhere");
    }

    /** Rows are not made of holes: the copies that come with a recording have no code. */
    @Test
    void copiesWithoutCodeAreSaidToHaveNone() throws IOException {
        takeTablesAway();
        Files.move(recording.symfs().resolve(PROGRAM), directory.resolve("whole"));
        byte[] hollow = Files.readAllBytes(directory.resolve("whole"));
        // .text of sig, by readelf -S: 0x465 bytes at 0x10b0.
        Arrays.fill(hollow, 0x10b0, 0x10b0 + 0x465, (byte) 0);
        Files.write(recording.symfs().resolve(PROGRAM), hollow);
        Run run = script("--format", "json", "--synthesize");
        assertFalse(run.out.contains("\"via\":\"synthesized\""));
        assertTrue(run.err.contains("no rows made: "), run.err);
        assertTrue(run.err.contains(PROGRAM + ": a copy without its code"), run.err);
    }

    @Test
    void returnAddressesAreCheckedWhereThereIsCode() throws IOException {
        Run slim = script("--check-calls");
        assertTrue(slim.err.contains(": 0 do not follow a call; "), slim.err);
        takeTablesAway();
        Run whole = script("--check-calls", "--synthesize");
        assertTrue(whole.err.contains(": 0 do not follow a call; "), whole.err);
        assertTrue(checked(whole.err) > checked(slim.err) + 20_000, whole.err + slim.err);
    }

    private static int checked(String summary) {
        String line = summary.lines()
                .filter(text -> text.contains("return addresses checked"))
                .findFirst()
                .orElseThrow();
        return Integer.parseInt(line.substring(0, line.indexOf(' ')).replace(",", ""));
    }
}
