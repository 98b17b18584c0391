package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfWriter;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordType;
import org.backstitch.perf.SampleCursor;

/** Recordings as {@code perf record -o -} would have sent them, and the command reading them from standard input. */
final class Pipes {
    private Pipes() {}

    /** What a command wrote. */
    record Said(String out, String err) {
        /** What was said to the person, without how long it took. */
        String summary() {
            return err.replaceAll(" in [0-9.]+ s .*", "");
        }
    }

    /** The bytes of a recording in pipe mode; the same records in the same order. */
    static byte[] piped(Path path) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (PerfFile file = PerfFile.open(path)) {
            if (file.isPipeMode()) {
                return Files.readAllBytes(path);
            }
            try (PerfWriter writer = PerfWriter.toPipe(out, file.events())) {
                writer.features(file.features());
                RecordCursor records = file.records(new Anomalies());
                while (records.next()) {
                    writer.copy(file, records);
                }
            }
        }
        return out.toByteArray();
    }

    /** A record with a time of its own, and the round in which it is read from its CPU's buffer. */
    private record Timed(long offset, long round, int cpu) {}

    /**
     * A recording as a pipe would have carried it if the tool had read the buffers so often: in each round that of one CPU after that of
     * another, half a period later. So a round holds what is later than the beginning of the next.
     */
    static byte[] inRounds(Path path, long period) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (PerfFile file = PerfFile.open(path);
                PerfWriter writer = PerfWriter.toPipe(out, file.events())) {
            writer.features(file.features());
            RecordCursor records = file.records();
            SampleCursor sample = file.samples();
            List<Timed> timed = new ArrayList<>();
            while (records.next()) {
                if (records.time() <= 0) {
                    if (records.type() != RecordType.FINISHED_ROUND) {
                        writer.copy(file, records);
                    }
                    continue;
                }
                int cpu = records.isSample()
                        ? sample.moveTo(records.offset()) ? sample.cpu() : 0
                        : file.record(records.offset()).sampleId().cpu();
                timed.add(new Timed(records.offset(), (records.time() + (2 - cpu) * period / 2) / period, cpu));
            }
            timed.sort(Comparator.comparingLong(Timed::round)
                    .thenComparingInt(Timed::cpu)
                    .thenComparingLong(Timed::offset));
            for (int i = 0; i < timed.size(); i++) {
                if (i > 0 && timed.get(i).round != timed.get(i - 1).round) {
                    writer.finishedRound();
                }
                records.moveBefore(timed.get(i).offset);
                assertTrue(records.next());
                writer.copy(file, records);
            }
            writer.finishedRound();
        }
        return out.toByteArray();
    }

    /** Runs {@code script} on a stream. */
    static Said script(InputStream stream, ByteArrayOutputStream out, String... options) throws IOException {
        InputStream before = System.in;
        System.setIn(stream);
        try {
            return run(new ScriptCommand(), "-", out, options);
        } finally {
            System.setIn(before);
        }
    }

    /** Runs {@code script} on a file. */
    static Said script(Path file, String... options) throws IOException {
        return run(new ScriptCommand(), file.toString(), new ByteArrayOutputStream(), options);
    }

    private static Said run(Subcommand command, String operand, ByteArrayOutputStream out, String... options)
            throws IOException {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Session session = Session.of(out, err);
        String[] words = new String[options.length + 1];
        System.arraycopy(options, 0, words, 0, options.length);
        words[options.length] = operand;
        command.run(command.syntax().parse(words), session);
        session.out().flush();
        return new Said(out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }
}
