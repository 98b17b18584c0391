package org.backstitch.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.UserUnwinder;

/**
 * Runs unwinders that are not ours over the stacks of a recording: those that {@code benchmarks/peers/build} has built.
 *
 * @param programs the directory of their programs
 * @param passes how many warm passes each makes
 */
record Peers(Path programs, int passes) {
    private static final List<String> WALKS = List.of("framehop", "libunwind", "libdw");

    /**
     * What a peer said of itself.
     *
     * @param subject the recording, or the file whose rows were enumerated
     * @param peer its name
     * @param version its version
     * @param unit {@code frame} or {@code row}
     * @param count how many of them a pass has
     * @param setup what opening the files took, in nanoseconds of thread time
     * @param cold the first pass, in nanoseconds a frame or row
     * @param warm the fastest of the others
     * @param hash over all answers; of frames, equal for unwinders that agree
     */
    record Measured(
            String subject,
            String peer,
            String version,
            String unit,
            long count,
            long setup,
            double cold,
            double warm,
            String hash) {}

    /** Walks a recording's stacks with all peers; ours comes first, with its answers and without times: JMH takes those. */
    List<Measured> walk(String name, BenchmarkRecording recording) throws IOException, InterruptedException {
        Path input = Files.createTempFile("backstitch-peers", ".stacks");
        List<Measured> all = new ArrayList<>();
        try (Arena arena = Arena.ofConfined();
                RecordedStacks stacks = RecordedStacks.open(recording, arena)) {
            PeerInput.write(stacks, input);
            all.add(ours(name, stacks));
            for (String peer : WALKS) {
                all.add(run(name, peer, input));
            }
        } finally {
            Files.delete(input);
        }
        return all;
    }

    /** Enumerates the rows of a file's call frame information with gimli. */
    Measured rows(Path file) throws IOException, InterruptedException {
        return run(file.toString(), "gimli", file);
    }

    private static Measured ours(String name, RecordedStacks stacks) {
        UserUnwinder unwinder = new UserUnwinder();
        Callchain chain = new Callchain().limit(BenchmarkRecording.MAX_STACK);
        // FNV-1a over words, as the peers have it: of each sample the number of its frames, and the frames.
        long hash = 0xcbf29ce484222325L;
        long frames = 0;
        for (int i = 0; i < stacks.size(); i++) {
            stacks.walk(unwinder, chain, i);
            frames += chain.size();
            hash = (hash ^ chain.size()) * 0x100000001b3L;
            for (int j = 0; j < chain.size(); j++) {
                hash = (hash ^ chain.pc(j)) * 0x100000001b3L;
            }
        }
        return new Measured(name, "backstitch", "", "frame", frames, 0, 0, 0, "%016x".formatted(hash));
    }

    private Measured run(String subject, String peer, Path input) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        programs.resolve(peer).toString(), input.toString(), Integer.toString(passes))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String line = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(peer + " has failed on " + subject);
        }
        return parse(subject, line);
    }

    /** Reads the line that a peer prints. */
    static Measured parse(String subject, String line) throws IOException {
        Map<String, String> fields = new HashMap<>();
        try (JsonParser json = new JsonFactory().createParser(line)) {
            while (json.nextToken() != null) {
                if (json.currentToken() == JsonToken.FIELD_NAME) {
                    String name = json.currentName();
                    json.nextToken();
                    fields.put(name, json.getText());
                }
            }
        }
        return new Measured(
                subject,
                field(fields, "peer"),
                field(fields, "version"),
                field(fields, "unit"),
                Long.parseLong(field(fields, "count")),
                Long.parseLong(field(fields, "setup")),
                Double.parseDouble(field(fields, "cold")),
                Double.parseDouble(field(fields, "warm")),
                field(fields, "hash"));
    }

    private static String field(Map<String, String> fields, String name) throws IOException {
        String value = fields.get(name);
        if (value == null) {
            throw new IOException("a peer did not say its " + name);
        }
        return value;
    }
}
