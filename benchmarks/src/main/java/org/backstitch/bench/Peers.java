package org.backstitch.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
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
            String hash) {
        /** What its first pass took with the files opened, in milliseconds. */
        double first() {
            return (setup + cold * count) / 1e6;
        }

        /** The better of two runs: the first pass of one, and the fastest of the other. */
        Measured orBetter(Measured other) {
            Measured first = other.first() < first() ? other : this;
            return new Measured(
                    subject, peer, version, unit, count, first.setup, first.cold, Math.min(warm, other.warm), hash);
        }
    }

    /** The stacks of a recording, ready for all peers. Ours come first, with their answers and without times: JMH takes those. */
    Walks walks(String name, BenchmarkRecording recording) throws IOException {
        try (Arena arena = Arena.ofConfined();
                RecordedStacks stacks = RecordedStacks.open(recording, arena)) {
            Path input = Files.createTempFile("backstitch-peers", ".stacks");
            input.toFile().deleteOnExit(); // should writing it fail
            PeerInput.write(stacks, input);
            return new Walks(input, ours(name, stacks));
        }
    }

    /** Walks of one recording by all peers. */
    final class Walks implements AutoCloseable {
        private final Path input;
        private final Map<String, Measured> measured = new LinkedHashMap<>();

        private Walks(Path input, Measured ours) {
            this.input = input;
            measured.put(ours.peer, ours);
        }

        /** Has each of them walk. */
        void turn() throws IOException, InterruptedException {
            for (String peer : WALKS) {
                measured.merge(peer, run(subject(), peer, input), Measured::orBetter);
            }
        }

        private String subject() {
            return measured.values().iterator().next().subject;
        }

        /** The best of each. */
        Collection<Measured> measured() {
            return measured.values();
        }

        @Override
        public void close() throws IOException {
            Files.delete(input);
        }
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
