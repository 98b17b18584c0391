package org.backstitch.cli.output;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutputTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Output output = Output.to(bytes, "test");

    private String text() throws IOException {
        output.flush();
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(
            longs = {
                0,
                9,
                10,
                99,
                100,
                -1,
                -10,
                999_999_999_999_999_999L,
                1_000_000_000_000_000_000L,
                Long.MAX_VALUE,
                Long.MIN_VALUE
            })
    void numbersAsTheJdkWritesThem(long number) throws IOException {
        output.decimal(number).append(' ').hex(number);
        assertEquals(Long.toString(number) + " " + Long.toHexString(number), text());
    }

    @Test
    void everyLengthOfNumber() throws IOException {
        StringBuilder expected = new StringBuilder();
        for (int shift = 0; shift < 64; shift++) {
            for (long number : new long[] {1L << shift, (1L << shift) - 1, -(1L << shift)}) {
                output.decimal(number).append(' ').hex(number).newline();
                expected.append(number)
                        .append(' ')
                        .append(Long.toHexString(number))
                        .append('\n');
            }
        }
        assertEquals(expected.toString(), text());
    }

    @Test
    void textIsUtf8() throws IOException {
        output.append("naïve ").append("日本 ").append("🧵").append('!');
        assertEquals("naïve 日本 🧵!", text());
    }

    @Test
    void loneSurrogateBecomesAQuestionMark() throws IOException {
        output.append("a\ud800b");
        assertEquals("a?b", text());
    }

    @Test
    void piecesOfEverySizeAroundTheBuffersKeepTheirOrder() throws IOException {
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        for (int size : new int[] {1, 65_535, 65_536, 65_537, 3, 200_000, 65_536, 0, 7}) {
            byte[] piece = new byte[size];
            for (int i = 0; i < size; i++) {
                piece[i] = (byte) ('a' + (i + size) % 26);
            }
            output.append(piece);
            output.append(new String(piece, StandardCharsets.US_ASCII));
            expected.write(piece);
            expected.write(piece);
        }
        output.flush();
        assertArrayEquals(expected.toByteArray(), bytes.toByteArray());
    }

    @Test
    void shareOfAWorkerIsAppendedWhole() throws IOException {
        Output share = Output.inMemory();
        for (int i = 0; i < 100_000; i++) {
            share.decimal(i).newline();
        }
        share.flush();
        output.append(share);
        share.clear();
        assertEquals(0, share.size());
        share.append("end");
        output.append(share);
        String[] lines = text().split("\n", -1);
        assertEquals(100_001, lines.length);
        assertEquals("99999", lines[99_999]);
        assertEquals("end", lines[100_000]);
    }

    @Test
    void refusedWriteIsNotOfferedAgain() throws IOException {
        int[] calls = {0};
        try (Output refused = Output.to(
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        calls[0]++;
                        throw new IOException("File too large");
                    }
                },
                "out.txt")) {
            refused.append("x");
            OutputException e = assertThrows(OutputException.class, refused::flush);
            assertEquals("out.txt: file too large", e.getMessage());
            assertFalse(e.readerGone());
        }
        assertEquals(1, calls[0]);
    }
}
