package org.backstitch.elf.dwarf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Long programs of what compilers write, in any order: each row of {@link PlainRows} has the rules that {@link CallFrameInterpreter} gives
 * there, with all registers saved at once, saved anew, and restored.
 */
class PlainProgramsTest {
    private static final int[] SAVED = {3, 6, 12, 13, 14, 15, 16};

    private final PlainRows plain = new PlainRows();
    private final CallFrameInterpreter interpreter = new CallFrameInterpreter();
    private final List<UnwindRow> learned = new ArrayList<>();

    /** What is written of an entry: from where on which rules hold. */
    private record Row(long start, String rules) {}

    private static FrameDescriptionEntry entry(String cieProgram, byte[] program) {
        CallFrameInfo.EntryCursor entries = CallFrameInterpreterTest.section(
                        cieProgram, HexFormat.of().formatHex(program))
                .entries();
        assertTrue(entries.next() && entries.isCie() && entries.next());
        return entries.parseFde();
    }

    private static String rules(UnwindRow row) {
        StringBuilder text = new StringBuilder(row.cfa() + " ");
        for (int register = 0; register <= 16; register++) {
            RegisterRule rule = row.registers().get(register);
            text.append(rule == null ? "" : register + ":" + rule + " ");
        }
        return text.toString();
    }

    /** All rows as the interpreter gives them; those of the same rules that follow each other as one. */
    private List<Row> expected(FrameDescriptionEntry fde) {
        List<Row> rows = new ArrayList<>();
        interpreter.start(fde);
        while (interpreter.nextRow()) {
            String rules = rules(interpreter.row());
            if (rows.isEmpty() || !rows.getLast().rules.equals(rules)) {
                rows.add(new Row(interpreter.rowStart(), rules));
            }
        }
        return rows;
    }

    private List<Row> executed(FrameDescriptionEntry fde) {
        int room = plain.start(fde);
        assertTrue(room > 0);
        int[] starts = new int[room + 1];
        int[] rules = new int[room + 1];
        int end = plain.execute(0, starts, rules, 0);
        while (end == PlainRows.UNKNOWN_WORD) {
            PlainRowsTest.learn(plain, fde, learned);
            end = plain.execute(0, starts, rules, 0);
        }
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < end; i++) {
            rows.add(new Row(starts[i], rules(learned.get(rules[i] - 1))));
        }
        return rows;
    }

    private static byte[] program(Random random) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int depth = 0;
        int advanced = 0;
        int instructions = 10 + random.nextInt(60);
        for (int i = 0; i < instructions; i++) {
            switch (random.nextInt(12)) {
                case 0, 1, 2 -> {
                    int advance = 1 + random.nextInt(3);
                    if (advanced + advance < 0xf0) {
                        out.write(0x40 + advance);
                        advanced += advance;
                    }
                }
                case 3, 4, 5 -> {
                    out.write(0x80 + SAVED[random.nextInt(7)]);
                    out.write(1 + random.nextInt(63));
                }
                case 6 -> out.write(0xc0 + SAVED[random.nextInt(7)]);
                case 7 -> {
                    out.write(0x0e);
                    uleb128(out, 8 * random.nextInt(random.nextBoolean() ? 12 : 1 << 17));
                }
                case 8 -> {
                    out.write(0x0d);
                    out.write(random.nextInt(17));
                }
                case 9 -> {
                    out.write(0x0c);
                    out.write(random.nextInt(17));
                    uleb128(out, 8 * random.nextInt(random.nextBoolean() ? 12 : 1 << 10));
                }
                case 10 -> {
                    if (depth < 8) {
                        out.write(0x0a);
                        depth++;
                    }
                }
                default -> {
                    if (depth > 0) {
                        out.write(0x0b);
                        depth--;
                    }
                }
            }
        }
        out.write(0x41);
        return out.toByteArray();
    }

    private static void uleb128(ByteArrayOutputStream out, int value) {
        int rest = value;
        while (rest >= 0x80) {
            out.write(rest & 0x7f | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
    }

    @Test
    void rowsAreThoseOfTheInterpreter() {
        Random random = new Random(11);
        String[] initial = {"", "0e10 8602", "0c0630 8304 8605 8c06 8d07 8e08 8f09", "833f 8f3f"};
        for (int round = 0; round < 400; round++) {
            FrameDescriptionEntry fde = entry(initial[round % initial.length], program(random));
            assertEquals(expected(fde), executed(fde), "round " + round);
        }
    }

    /** How many rows there are at most is what a table is made ready for; how many there are is what lookups are weighed by. */
    @ParameterizedTest
    @CsvSource({"'', 1, 1", "41, 2, 2", "4141, 3, 3", "410e1041, 5, 3", "400e1041, 5, 2", "404041, 4, 2"})
    void rowsAreCounted(String program, int room, int rows) {
        FrameDescriptionEntry fde = entry("", HexFormat.of().parseHex(program));
        executed(fde);
        assertEquals(room, plain.start(fde));
        assertEquals(rows, plain.rowCount());
    }

    @ParameterizedTest
    @CsvSource({"8, true", "508, true", "509, true", "65535, true", "65536, true", "65537, false"})
    void programsOfManyBytes(int nops, boolean plainly) {
        byte[] program = new byte[nops]; // DW_CFA_nop
        program[nops - 3] = 0x41;
        program[nops - 2] = 0x0e;
        program[nops - 1] = 0x10;
        FrameDescriptionEntry fde = entry("", program);
        if (!plainly) {
            assertEquals(PlainRows.NOT_PLAIN, plain.start(fde));
        } else {
            assertEquals(expected(fde), executed(fde));
            assertEquals(2, executed(fde).size());
        }
    }

    /** As many remembered states as there is room for, each of them restored. */
    @Test
    void eightRememberedStates() {
        StringBuilder program = new StringBuilder();
        for (int i = 1; i <= 8; i++) {
            program.append("0a410e%02x".formatted(8 * i + 8));
        }
        program.append("410b".repeat(8));
        FrameDescriptionEntry fde = entry("", HexFormat.of().parseHex(program));
        assertEquals(expected(fde), executed(fde));
        assertEquals(17, executed(fde).size());
    }
}
