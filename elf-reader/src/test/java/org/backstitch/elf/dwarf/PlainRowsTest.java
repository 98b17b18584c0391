package org.backstitch.elf.dwarf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows of whole entries, against bytes worked out by hand and against {@link CallFrameInterpreter}. */
class PlainRowsTest {
    private static final long BASE = 0xf00;

    private final PlainRows plain = new PlainRows();

    /** The rows that rules were learned from: rule n is that of place n - 1. */
    private final List<UnwindRow> learned = new ArrayList<>();

    private int[] starts = new int[8];
    private int[] rules = new int[8];

    private static FrameDescriptionEntry entry(String cieProgram, String program) {
        CallFrameInfo.EntryCursor entries =
                CallFrameInterpreterTest.section(cieProgram, program).entries();
        assertTrue(entries.next() && entries.isCie() && entries.next());
        return entries.parseFde();
    }

    /** Teaches the unknown word, by the row that the interpreter gives in its place: its number is how many have been learned. */
    static void learn(PlainRows plain, FrameDescriptionEntry fde, List<UnwindRow> learned) {
        CallFrameInterpreter interpreter = new CallFrameInterpreter();
        interpreter.start(fde);
        for (int row = 0; row <= plain.unknownRow(); row++) {
            assertTrue(interpreter.nextRow());
        }
        learned.add(interpreter.row());
        plain.learn(learned.size());
    }

    private int execute(FrameDescriptionEntry fde, int from) {
        int room = plain.start(fde);
        if (room == PlainRows.NOT_PLAIN) {
            return room;
        }
        if (starts.length < from + room + 1) {
            starts = Arrays.copyOf(starts, from + room + 1);
            rules = Arrays.copyOf(rules, from + room + 1);
        }
        int end = plain.execute(BASE, starts, rules, from);
        while (end == PlainRows.UNKNOWN_WORD) {
            learn(plain, fde, learned);
            end = plain.execute(BASE, starts, rules, from);
        }
        return end;
    }

    /** The rows that are written: their starts, and the CFA and saved registers as offsets. */
    private String rows(String program) {
        int end = execute(entry("", program), 0);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < end; i++) {
            UnwindRow row = learned.get(rules[i] - 1);
            CfaRule.RegisterOffset cfa = (CfaRule.RegisterOffset) row.cfa();
            String saved = row.registers().entrySet().stream()
                    .filter(rule -> rule.getKey() != 16)
                    .map(rule ->
                            " " + DwarfRegisters.name(rule.getKey()) + ((RegisterRule.Offset) rule.getValue()).offset())
                    .collect(Collectors.joining());
            text.append(text.isEmpty() ? "" : "; ")
                    .append("%x %s%+d%s"
                            .formatted(starts[i] + BASE, DwarfRegisters.name(cfa.register()), cfa.offset(), saved));
        }
        return text.toString();
    }

    /** Opcodes of DWARF 5 §7.24. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''                              | 1000 rsp+8",
                "00 00 00                        | 1000 rsp+8",
                "41 0e10                         | 1000 rsp+8; 1001 rsp+16",
                "41 0e10 8602 43 0d06            | 1000 rsp+8; 1001 rsp+16 rbp-16; 1004 rbp+16 rbp-16",
                "44 0e9001                       | 1000 rsp+8; 1004 rsp+144",
                "44 0e808004                     | 1000 rsp+8; 1004 rsp+65536",
                "44 0ef8ff3f                     | 1000 rsp+8; 1004 rsp+1048568",
                "44 0c0610                       | 1000 rsp+8; 1004 rbp+16",
                "44 0c0a8002                     | 1000 rsp+8; 1004 r10+256",
                "41 8302 8c03 8d04 8e05 8f3f     | 1000 rsp+8; 1001 rsp+8 rbx-16 r12-24 r13-32 r14-40 r15-504",
                "41 8302 41 8303 41 c3           | 1000 rsp+8; 1001 rsp+8 rbx-16; 1002 rsp+8 rbx-24; 1003 rsp+8",
                "0a 41 0e10 0a 41 0e18 41 0b 41 0b | 1000 rsp+8; 1001 rsp+16; 1002 rsp+24; 1003 rsp+16; 1004 rsp+8",
                "0280 0e10                       | 1000 rsp+8; 1080 rsp+16",
                "030001 0e10                     | ''",
                "03f000 0e10                     | 1000 rsp+8; 10f0 rsp+16",
                "04ff000000 0e10                 | 1000 rsp+8; 10ff rsp+16",
                // The same rules go on; rows without code are none.
                "41 41 0e10 41 41                | 1000 rsp+8; 1002 rsp+16",
                "41 0e10 40 0e18                 | 1000 rsp+8; 1001 rsp+24",
                "41 0e10 41 0e08 40 0e10         | 1000 rsp+8; 1001 rsp+16",
            })
    void rowsOfPrograms(String program, String expected) {
        assertEquals(expected, rows(program));
    }

    /** What is not plain, in one instruction each, is left to the other interpreter. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "0e11", // an offset that is no multiple of words
                "0e808040", // 2^20
                "0e80808001", // four bytes
                "0c0611",
                "0c0680808001",
                "0c8001 08", // registers of two bytes
                "0c11 08", // register 17
                "0d11",
                "0d8001",
                "8002", // RAX saved
                "8602 c0", // RAX restored
                "8600", // saved at the CFA itself
                "8640", // 64 words below the CFA
                "868101", // 129 words
                "050602", // DW_CFA_offset_extended
                "070f", // DW_CFA_undefined
                "0806", // DW_CFA_same_value
                "090600", // DW_CFA_register
                "0f027708", // DW_CFA_def_cfa_expression
                "1006027708", // DW_CFA_expression
                "0b", // nothing remembered
                "0a0a0a0a0a0a0a0a0a", // nine states
                "2e10", // DW_CFA_GNU_args_size
                "3f", // not defined
                "04ffffffff", // behind the end
                "02ff 41", // at the end
                "02", // operands that are not there
                "0e",
                "0e80",
                "0c06",
                "86",
                "0300",
            })
    void leftToTheOtherInterpreter(String program) {
        assertEquals(PlainRows.NOT_PLAIN, execute(entry("", "41 0e10 41" + program), 0));
    }

    /** A CIE's own instructions are where entries start, and what DW_CFA_restore goes back to. */
    @Test
    void initialRules() {
        int end = execute(entry("0e10 8602", "41 8604 41 c6"), 0);
        assertEquals(3, end);
        assertEquals(rules[0], rules[2]);
        assertEquals(
                new RegisterRule.Offset(-16),
                learned.get(rules[0] - 1).registers().get(6));
        assertEquals(
                new RegisterRule.Offset(-32),
                learned.get(rules[1] - 1).registers().get(6));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0e11", "8602 8002", "0f027708", "0806", "8640"})
    void initialRulesThatAreNotPlain(String cieProgram) {
        assertEquals(PlainRows.NOT_PLAIN, execute(entry(cieProgram, "41 0e10"), 0));
    }

    /** An entry goes on in the row in front of it, if that has the same rules. */
    @Test
    void goesOnInTheRowInFront() {
        FrameDescriptionEntry fde = entry("", "41 0e10 41 0e08");
        assertEquals(3, execute(fde, 0));
        assertEquals(3, plain.rowCount());
        assertEquals(5, execute(fde, 3));
        assertEquals(rules[1], rules[3]);
        assertEquals(0x101, starts[3]);
        assertEquals(3, plain.rowCount());
    }

    /** More words than are kept: from then on entries are for the other interpreter; those before came out right. */
    @Test
    void moreWordsThanAreKept() {
        int words = 0;
        for (int slot = 1; slot < 64; slot++) {
            for (int other = 1; other < 64; other++) {
                StringBuilder program = new StringBuilder("83%02x8e%02x".formatted(slot, other));
                for (int i = 2; i < 14; i++) {
                    program.append("41 0e").append("%02x".formatted(i * 8));
                }
                FrameDescriptionEntry fde = entry("", program.toString());
                if (words >= PlainRows.MAX_KNOWN) {
                    assertEquals(PlainRows.NOT_PLAIN, plain.start(fde));
                    return;
                }
                assertEquals(13, execute(fde, 0));
                words += 13;
                assertEquals(words, learned.size());
                UnwindRow last = learned.get(rules[12] - 1);
                assertEquals(new CfaRule.RegisterOffset(7, 104), last.cfa());
                assertEquals(
                        new RegisterRule.Offset(-8L * slot), last.registers().get(3));
                assertEquals(
                        new RegisterRule.Offset(-8L * other), last.registers().get(14));
            }
        }
        throw new AssertionError("only " + words);
    }

    /** A rule of the common entry that is an expression, the first kind of them and the last: such entries are the interpreter's. */
    @ParameterizedTest
    @ValueSource(strings = {"10 03 02 7710", "16 03 01 35"})
    void expressionsAmongTheInitialRules(String cieProgram) {
        assertEquals(PlainRows.NOT_PLAIN, plain.start(entry(cieProgram, "41")));
    }
}
