package org.backstitch.elf.dwarf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The operands of call frame instructions, in every size and at every edge, as bytes written by hand (DWARF 5 §6.4.2, §7.6). */
class CallFrameOperandsTest {
    private static final long START = 0x10_0000;

    /** Code alignment 4, data alignment -8, RIP in column 16; CFA rsp+8, RIP at c-8. */
    private static final byte[] CIE = HexFormat.of().parseHex("0100" + "04" + "78" + "10" + "0c0708" + "9001");

    private static CallFrameInterpreter start(String program) {
        byte[] code = HexFormat.of().parseHex(program.replace(" ", ""));
        ByteBuffer bytes =
                ByteBuffer.allocate(8 + CIE.length + 24 + code.length + 4).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(4 + CIE.length).putInt(0).put(CIE);
        bytes.putInt(20 + code.length);
        bytes.putInt(bytes.position()).putLong(START).putLong(1L << 40).put(code);
        CallFrameInfo.EntryCursor entries = new CallFrameInfo(
                        Bytes.of(bytes.array(), "test"),
                        0,
                        CallFrameInfo.Flavor.EH_FRAME,
                        0,
                        0,
                        vaddr -> OptionalLong.empty())
                .entries();
        assertTrue(entries.next() && entries.isCie() && entries.next());
        FrameDescriptionEntry fde = entries.parseFde();
        CallFrameInterpreter rows = new CallFrameInterpreter();
        rows.start(fde);
        assertSame(fde.cie(), rows.cie());
        return rows;
    }

    /** The only row of a program. */
    private static CallFrameInterpreter row(String program) {
        CallFrameInterpreter rows = start(program);
        assertTrue(rows.nextRow());
        return rows;
    }

    @ParameterizedTest
    @CsvSource({
        "43,                  0x10000c", // advance_loc 3
        "02 83,               0x10020c", // advance_loc1 0x83
        "03 01 81,            0x120404", // advance_loc2 0x8101
        "04 01 02 00 81,      0x204100804", // advance_loc4 0x81000201
        "1d 01 02 00 00 01 00 00 00, 0x400100804", // MIPS_advance_loc8 0x1_0000_0201
    })
    void advancesAreInUnitsOfTheCodeAlignment(String program, String end) {
        CallFrameInterpreter rows = row(program);
        assertEquals(START, rows.rowStart());
        assertEquals(Long.decode(end), rows.rowEnd());
        assertTrue(rows.nextRow());
        assertEquals(Long.decode(end), rows.rowStart());
        assertEquals(START + (1L << 40), rows.rowEnd());
        assertFalse(rows.nextRow());
    }

    /** def_cfa_offset with ULEB128 numbers from one byte to ten, the last two with what 64 bits have no room for left at zero. */
    @ParameterizedTest
    @CsvSource({
        "0e 00, 0",
        "0e 7f, 0x7f",
        "0e 80 01, 0x80",
        "0e ff 7f, 0x3fff",
        "0e 80 80 01, 0x4000",
        "0e 81 82 83 84 85 86 87 08, 0x101c305080c101", // 1 + (2 << 7) + (3 << 14) + ... + (8 << 49)
        "0e ff ff ff ff ff ff ff ff 7f, 0x7fffffffffffffff",
        "0e 85 80 80 80 80 80 80 80 80 00, 5",
    })
    void unsignedNumbers(String program, String offset) {
        // What follows the number is read from where it ends: a nop, and an advance.
        CallFrameInterpreter rows = row(program + " 00 41");
        assertEquals(Long.decode(offset), rows.cfaOffset());
        assertEquals(1 << 16, rows.specifiedRegisters(), "its bytes are no instructions");
        assertEquals(START + 4, rows.rowEnd());
    }

    /** def_cfa_offset_sf with SLEB128 numbers, times -8. */
    @ParameterizedTest
    @CsvSource({
        "13 00, 0",
        "13 3f, -504", // 63
        "13 40, 512", // -64
        "13 7f, 8", // -1
        "13 c0 00, -512", // 64
        "13 bf 7f, 520", // -65
        "13 80 80 7f, 131072", // -16384
        "13 80 80 80 80 80 80 01, -35184372088832", // 1 << 42
    })
    void signedNumbers(String program, long offset) {
        CallFrameInterpreter rows = row(program + " 00 41");
        assertEquals(offset, rows.cfaOffset());
        assertEquals(START + 4, rows.rowEnd());
    }

    @Test
    void programsThatDoNotFitTheBuffer() {
        // 300 times def_cfa_offset 0x80 to 0x80 + 299 in steps, and an advance by one unit between: 4 bytes each.
        StringBuilder program = new StringBuilder();
        for (int i = 0; i < 300; i++) {
            int offset = 0x80 + i;
            program.append("0e%02x%02x41".formatted(offset & 0x7f | 0x80, offset >> 7));
        }
        CallFrameInterpreter rows = start(program.toString());
        for (int i = 0; i < 300; i++) {
            assertTrue(rows.nextRow());
            assertEquals(START + 4L * i, rows.rowStart());
            assertEquals(0x80 + i, rows.cfaOffset());
        }
        assertTrue(rows.nextRow());
        assertFalse(rows.nextRow());
    }

    @Test
    void expressionsAreWhatLiesBehindTheirLength() {
        // def_cfa_expression {breg7 8; deref}; expression rbx {breg7 16}; val_expression r12 {lit5}
        CallFrameInterpreter rows = row("0f 03 770806" + "10 03 02 7710" + "16 0c 01 35");
        assertTrue(rows.hasCfaExpression());
        assertEquals("770806", hex(rows.cfaExpression()));
        assertEquals(CallFrameInterpreter.EXPRESSION, rows.ruleKind(3));
        assertEquals("7710", hex(rows.ruleExpression(3)));
        assertEquals(CallFrameInterpreter.VAL_EXPRESSION, rows.ruleKind(12));
        assertEquals("35", hex(rows.ruleExpression(12)));
        assertThrows(MalformedInputException.class, () -> row("0f 03 7708"));
        assertThrows(MalformedInputException.class, () -> row("0f ffffffffffffffffff01"));
        // Empty, at the very end.
        assertEquals(0, row("0f 00").cfaExpression().code().size());
    }

    private static String hex(DwarfExpression expression) {
        return HexFormat.of()
                .formatHex(expression.code().copy(0, (int) expression.code().size()));
    }

    @Test
    void whichRegistersHaveRules() {
        assertEquals(1 << 16, row("").specifiedRegisters());
        assertEquals(1 << 16 | 1 << 3 | 1 << 15, row("8302 8f03").specifiedRegisters());
        assertEquals(1 << 16 | 1 << 15, row("8302 8f03 c3").specifiedRegisters(), "restored to none");
        assertEquals(1 << 16 | 1 << 3, row("8302 8f03 cf").specifiedRegisters());
        assertEquals(1 << 16 | 1 << 3, row("08 03").specifiedRegisters(), "same_value is a rule");
    }

    @Test
    void registersBeyondTheGeneralOnes() {
        assertFalse(row("8302").hasUncommonRegisters());
        assertTrue(row("9102").hasUncommonRegisters()); // xmm0, number 17
        assertFalse(row("9102 d1").hasUncommonRegisters(), "restored to none");
        // The same rule twice, then another, each in rows of its own; what was remembered stays.
        CallFrameInterpreter rows = start("9102 9102 0a 41 9103 41 0b");
        for (long operand : new long[] {-16, -24, -16}) {
            assertTrue(rows.nextRow());
            assertEquals(
                    new RegisterRule.Offset(operand), rows.row().rule(rows.row().size() - 1));
            assertEquals(1 << 16, rows.specifiedRegisters());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"07 80808080 08", "07 ffffffffffffffffff01"})
    void registerNumbersOfMoreThan31Bits(String program) {
        assertThrows(MalformedInputException.class, () -> row(program));
    }

    @Test
    void theLargestRegisterNumber() {
        CallFrameInterpreter rows = row("07 ffffffff07"); // undefined, 2^31 - 1
        assertTrue(rows.hasUncommonRegisters());
        assertEquals(Integer.MAX_VALUE, rows.row().column(rows.row().size() - 1));
    }

    @Test
    void argumentsOnTheStack() {
        assertEquals(0, row("").argumentsSize());
        CallFrameInterpreter rows = start("2e 20 41 2e 00");
        assertTrue(rows.nextRow());
        assertEquals(32, rows.argumentsSize());
        assertTrue(rows.nextRow());
        assertEquals(0, rows.argumentsSize());
    }
}
