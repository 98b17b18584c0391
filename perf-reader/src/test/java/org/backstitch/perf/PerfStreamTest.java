package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a stream gives, held against the same bytes as a file. */
class PerfStreamTest {
    @TempDir
    private Path directory = Path.of("");

    static List<String> all() {
        return RecordingFixtures.ALL;
    }

    /** Gives a number of bytes at a time, and has no more at hand. */
    private static final class Drops extends InputStream {
        private final byte[] content;
        private final int size;
        private int at;
        private boolean empty;

        Drops(byte[] content, int size) {
            this.content = content;
            this.size = size;
        }

        @Override
        public int read() {
            throw new AssertionError("nobody reads single bytes");
        }

        @Override
        public int read(byte[] to, int offset, int length) {
            empty = false;
            int count = Math.min(Math.min(size, length), content.length - at);
            if (count == 0) {
                return -1;
            }
            System.arraycopy(content, at, to, offset, count);
            at += count;
            empty = true;
            return count;
        }

        @Override
        public int available() {
            return empty ? 0 : Math.min(size, content.length - at);
        }
    }

    /** A recording as a pipe would have carried it. */
    private byte[] piped(String name) throws IOException {
        Path path = RecordingFixtures.file(name, directory);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (PerfFile file = PerfFile.open(path)) {
            if (file.isPipeMode()) {
                return Files.readAllBytes(path);
            }
            try (PerfWriter writer = PerfWriter.toPipe(out, file.events())) {
                writer.features(file.features());
                RecordCursor records = file.records();
                while (records.next()) {
                    writer.copy(file, records);
                }
            }
        }
        return out.toByteArray();
    }

    private static String line(RecordCursor record) {
        return record + ", misc " + record.misc() + ", event " + record.eventIndex() + ", time " + record.time();
    }

    /** Everything that can be told: events, features, records, damage. */
    private static List<String> told(PerfFile file, List<String> records) {
        List<String> told = new ArrayList<>(records);
        for (PerfEvent event : file.events()) {
            told.add(event.index() + " " + event.name() + " " + Arrays.toString(event.ids()) + " "
                    + event.attr().sampleType());
        }
        told.add(file.features().numbers() + " " + file.features().buildIds() + " "
                + file.features().osRelease());
        // What the recording says of itself is not read any more behind the first sample, so damage there is not met.
        file.anomalies().entries().stream()
                .filter(entry -> entry.kind() != Anomalies.Kind.BAD_RECORD)
                .forEach(entry -> told.add(entry.toString()));
        return told;
    }

    private List<String> ofFile(byte[] content) throws IOException {
        try (PerfFile file = RawRecording.open(directory, content)) {
            List<String> lines = new ArrayList<>();
            RecordCursor records = file.records();
            while (records.next()) {
                lines.add(line(records));
            }
            return told(file, lines);
        }
    }

    private static List<String> ofStream(byte[] content, int atATime) throws IOException {
        try (PerfStream stream = PerfStream.open(new Drops(content, atATime), "stream")) {
            List<String> lines = new ArrayList<>();
            while (stream.next()) {
                lines.add(line(stream.record()));
            }
            return told(stream.file(), lines);
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void aStreamGivesWhatAFileGives(String name) throws IOException {
        byte[] content = piped(name);
        List<String> expected = ofFile(content);
        assertTrue(expected.size() > 20, name);
        for (int atATime : new int[] {13, 4096, content.length}) {
            assertEquals(expected, ofStream(content, atATime), name + ", " + atATime + " bytes at a time");
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void cutAndDamagedTheSameIsCounted(String name) throws IOException {
        byte[] content = piped(name);
        int firstSample;
        try (PerfStream stream = PerfStream.open(new ByteArrayInputStream(content), "stream")) {
            // What the recording says of itself is whole; of the compressed ones, the packed records lie behind it.
            do {
                assertTrue(stream.next());
            } while (!stream.record().isSample());
            firstSample = stream.file().isCompressed()
                    ? content.length / 4 * 3
                    : (int) stream.record().nextOffset();
        }
        Random random = new Random(name.hashCode());
        for (int round = 0; round < 10; round++) {
            byte[] damaged = content.clone();
            for (int i = 0; i < round % 5 * 8; i++) {
                damaged[firstSample + random.nextInt(content.length - firstSample)] ^= (byte) (1 << random.nextInt(8));
            }
            if (round >= 5) {
                damaged = Arrays.copyOf(damaged, firstSample + random.nextInt(content.length - firstSample));
            }
            List<String> expected = ofFile(damaged);
            assertEquals(expected, ofStream(damaged, 100 + random.nextInt(10_000)), name + ", round " + round);
        }
    }

    @Test
    void readyMeansThatNextDoesNotWait() throws IOException {
        byte[] content = piped("linux72-pipe");
        int at = 7;
        Drops drops = new Drops(content, at);
        int steps = 0;
        try (PerfStream stream = PerfStream.open(drops, "stream")) {
            boolean more = true;
            while (more) {
                int before = drops.at;
                if (stream.isReady()) {
                    more = stream.next();
                    assertEquals(before, drops.at);
                } else {
                    steps++;
                    more = stream.next();
                }
            }
        }
        // Nothing is at hand behind each drop, so each record but those that begin and end in one drop is waited for.
        assertTrue(steps > 300, () -> "waits");
        assertEquals(content.length, drops.at);
    }

    @Test
    void whatIsNoPipeIsRefused() throws IOException {
        byte[] file = RecordingFixtures.bytes("linux72-regs");
        byte[] pipe = RecordingFixtures.bytes("linux72-pipe");
        InputStream stream = new ByteArrayInputStream(pipe);
        assertTrue(PerfStream.isPipeMode(stream));
        assertEquals(pipe.length, stream.available());
        assertFalse(PerfStream.isPipeMode(new ByteArrayInputStream(file)));
        assertFalse(PerfStream.isPipeMode(new ByteArrayInputStream(Arrays.copyOf(pipe, 15))));
        assertThrows(IllegalArgumentException.class, () -> PerfStream.isPipeMode(new Drops(pipe, 100)));
        MalformedInputException refused = assertThrows(
                MalformedInputException.class, () -> PerfStream.open(new ByteArrayInputStream(file), "stream"));
        assertTrue(refused.reason().contains("file mode"), refused.reason());
        for (int size : new int[] {0, 7, 16, 20}) {
            byte[] cut = Arrays.copyOf(pipe, size);
            assertThrows(MalformedInputException.class, () -> PerfStream.open(new ByteArrayInputStream(cut), "stream"));
        }
    }
}
