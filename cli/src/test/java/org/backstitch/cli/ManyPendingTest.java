package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.backstitch.unwind.deferred.Stitcher;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** More samples that wait at the same time than a stream may hold, through the command. */
class ManyPendingTest {
    private static final int TASKS = Stitcher.DEFAULT_MAX_HELD + 50_000;

    @TempDir
    private Path directory = Path.of("");

    private Path file = Path.of("");

    @BeforeEach
    void write() throws IOException {
        file = directory.resolve("pending.data");
        PendingRecording.write(file, TASKS);
    }

    /** Reads what {@code script} prints, line by line, and keeps none of it. */
    private static final class Checker extends OutputStream {
        private byte[] line = new byte[1 << 16];
        private int length;
        int samples;
        int stitched;
        int givenUp;

        @Override
        public void write(int b) {
            throw new AssertionError("output comes in blocks");
        }

        @Override
        public void write(byte[] bytes, int offset, int count) {
            for (int i = offset; i < offset + count; i++) {
                line[length++] = bytes[i];
                if (bytes[i] == '\n') {
                    check(new String(line, 0, length, StandardCharsets.ISO_8859_1));
                    length = 0;
                }
            }
        }

        private void check(String text) {
            int task = samples++;
            boolean isStitched = text.endsWith("\"deferred\":\"stitched\"}\n");
            String user = "{\"ip\":\"" + Long.toHexString(PendingRecording.user(task)) + "\",\"kind\":\"user\"";
            assertTrue(text.contains(",\"tid\":" + (1 + task) + ",") && text.contains(":" + (1000 + task) + ","), text);
            assertEquals(isStitched, text.contains(user), text);
            stitched += isStitched ? 1 : 0;
            givenUp += text.endsWith("\"deferred\":\"lost:given-up\"}\n") ? 1 : 0;
        }
    }

    private static String script(InputStream input, String operand, Checker checker) throws IOException {
        InputStream before = System.in;
        System.setIn(input);
        try {
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            Session session = Session.of(checker, err);
            ScriptCommand script = new ScriptCommand();
            script.run(script.syntax().parse("--format=json", operand), session);
            session.out().flush();
            return err.toString(StandardCharsets.UTF_8);
        } finally {
            System.setIn(before);
        }
    }

    @Test
    void ofAFileNoneIsLost() throws IOException {
        Checker checker = new Checker();
        String said = script(InputStream.nullInputStream(), file.toString(), checker);
        assertEquals(TASKS, checker.samples);
        assertEquals(TASKS, checker.stitched);
        assertTrue(
                said.contains("deferred callchains: " + TASKS + " stitched; " + TASKS + " deferred records\n"), said);
    }

    @Test
    void ofAPipeTheOldestAreGivenUpWhatIsBeyondTheBoundAndItIsSaid() throws IOException {
        Checker checker = new Checker();
        try (InputStream input = new BufferedInputStream(Files.newInputStream(file))) {
            String said = script(input, "-", checker);
            assertEquals(TASKS, checker.samples);
            assertEquals(50_000, checker.givenUp);
            assertTrue(
                    said.contains("deferred callchains: " + checker.stitched + " stitched, 50000 lost:given-up; "
                            + TASKS + " deferred records, 50000 unclaimed\n"),
                    said);
        }
    }
}
