package org.backstitch.elf.dwarf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Call frame instructions by hand: bytes on the left, rows on the right (DWARF 5 §6.4.2, opcodes of §7.24). */
class CallFrameInterpreterTest {
    private static final long START = 0x1000;
    private static final int LENGTH = 0x100;

    /**
     * A section with one CIE (code alignment 1, data alignment -8, RIP in column 16, CFA rsp+8, RIP at c-8) and one FDE for [0x1000,
     * 0x1100), addresses as plain eight bytes.
     */
    static CallFrameInfo section(String cieProgram, String program) {
        byte[] common =
                HexFormat.of().parseHex("0100" + "01" + "78" + "10" + "0c0708" + "9001" + cieProgram.replace(" ", ""));
        byte[] code = HexFormat.of().parseHex(program.replace(" ", ""));
        ByteBuffer bytes =
                ByteBuffer.allocate(8 + common.length + 24 + code.length + 4).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(4 + common.length).putInt(0).put(common);
        bytes.putInt(20 + code.length);
        bytes.putInt(bytes.position()).putLong(START).putLong(LENGTH).put(code);
        return new CallFrameInfo(
                Bytes.of(bytes.array(), "test"), 0, CallFrameInfo.Flavor.EH_FRAME, 0, 0, vaddr -> OptionalLong.empty());
    }

    private static CallFrameInterpreter run(String program) {
        return start(section("", program));
    }

    private static CallFrameInterpreter start(CallFrameInfo info) {
        CallFrameInfo.EntryCursor entries = info.entries();
        assertTrue(entries.next() && entries.isCie() && entries.next());
        CallFrameInterpreter rows = new CallFrameInterpreter();
        rows.start(entries.parseFde());
        return rows;
    }

    /** All rows in the words of readelf, parted by semicolons. */
    private static String rows(String program) {
        CallFrameInterpreter rows = run(program);
        StringBuilder text = new StringBuilder();
        while (rows.nextRow()) {
            text.append(text.isEmpty() ? "" : "; ")
                    .append(Long.toHexString(rows.rowStart()))
                    .append(' ');
            text.append(
                    rows.hasCfaExpression()
                            ? "exp"
                            : "%s%+d".formatted(DwarfRegisters.name(rows.cfaRegister()), rows.cfaOffset()));
            for (int register = 0; register <= 16; register++) {
                long operand = rows.ruleOperand(register);
                String rule = switch (rows.ruleKind(register)) {
                    case CallFrameInterpreter.UNDEFINED -> "u";
                    case CallFrameInterpreter.SAME_VALUE -> "s";
                    case CallFrameInterpreter.OFFSET -> "c%+d".formatted(operand);
                    case CallFrameInterpreter.VAL_OFFSET -> "v%+d".formatted(operand);
                    case CallFrameInterpreter.REGISTER -> DwarfRegisters.name((int) operand);
                    case CallFrameInterpreter.EXPRESSION -> "exp";
                    case CallFrameInterpreter.VAL_EXPRESSION -> "vexp";
                    default -> "";
                };
                text.append(rule.isEmpty() ? "" : " " + DwarfRegisters.name(register) + "=" + rule);
            }
        }
        return text.toString();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // push %rbp; mov %rsp,%rbp; leave: the most common function there is
                "41 0e10 8602 43 0d06 | 1000 rsp+8 ra=c-8; 1001 rsp+16 rbp=c-16 ra=c-8; 1004 rbp+16 rbp=c-16 ra=c-8",
                "44 c6 | 1000 rsp+8 ra=c-8; 1004 rsp+8 ra=c-8", // a row at each advance, even if nothing changed
                "86 02 41 c6 | 1000 rsp+8 rbp=c-16 ra=c-8; 1001 rsp+8 ra=c-8", // restore: as the CIE has it, which is
                // nothing
                "02 10 | 1000 rsp+8 ra=c-8; 1010 rsp+8 ra=c-8", // advance_loc1, 2, 4, and 8 as MIPS has it
                "03 1000 | 1000 rsp+8 ra=c-8; 1010 rsp+8 ra=c-8",
                "04 10000000 | 1000 rsp+8 ra=c-8; 1010 rsp+8 ra=c-8",
                "1d 1000000000000000 | 1000 rsp+8 ra=c-8; 1010 rsp+8 ra=c-8",
                "01 2010000000000000 | 1000 rsp+8 ra=c-8; 1020 rsp+8 ra=c-8", // set_loc, absolute
                "05 0302 | 1000 rsp+8 rbx=c-16 ra=c-8", // offset_extended
                "11 037e | 1000 rsp+8 rbx=c+16 ra=c-8", // offset_extended_sf -2 * -8
                "2f 0302 | 1000 rsp+8 rbx=c+16 ra=c-8", // GNU_negative_offset_extended: the sign turned round
                "14 0302 | 1000 rsp+8 rbx=v-16 ra=c-8", // val_offset
                "15 037f | 1000 rsp+8 rbx=v+8 ra=c-8", // val_offset_sf
                "07 10 | 1000 rsp+8 ra=u", // undefined
                "08 03 | 1000 rsp+8 rbx=s ra=c-8", // same_value
                "09 1005 | 1000 rsp+8 ra=rdi", // register: RIP in RDI, as glibc's vfork has it
                "0a 0e20 0d03 41 0b | 1000 rbx+32 ra=c-8; 1001 rsp+8 ra=c-8", // remember and restore, the CFA as well
                "12 067e | 1000 rbp+16 ra=c-8", // def_cfa_sf
                "13 7d | 1000 rsp+24 ra=c-8", // def_cfa_offset_sf
                "0f 03770806 | 1000 exp ra=c-8", // def_cfa_expression: breg7 8; deref
                "10 06027600 16 03027708 | 1000 rsp+8 rbx=vexp rbp=exp ra=c-8", // expression, val_expression
                "2e 20 0e10 | 1000 rsp+16 ra=c-8", // GNU_args_size says nothing about registers
            })
    void executes(String program, String expected) {
        assertEquals(expected.strip(), rows(program));
    }

    /** After an expression, def_cfa_register goes on with the offset from before it, as binutils and libgcc have it. */
    @Test
    void keepsTheOffsetFromBeforeAnExpression() {
        assertEquals("1000 rax+56 ra=c-8; 1001 exp ra=c-8; 1002 rsp+56 ra=c-8", rows("0c0038 41 0f03770806 41 0d07"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0b", // restore_state without remember_state
                "2d", // GNU_window_save, which is SPARC's
                "3f", // an opcode that nobody has defined
                "0e", // def_cfa_offset without its operand
                "0f 0577", // an expression longer than its entry
                "03 10", // advance_loc2 cut short
                "01 0000000000000000", // set_loc backwards
            })
    void refuses(String program) {
        CallFrameInterpreter rows = run(program);
        assertThrows(MalformedInputException.class, () -> {
            while (rows.nextRow()) {
                assertFalse(rows.rowEnd() < rows.rowStart());
            }
        });
    }

    /** There is nothing yet that a CIE could go back to: its DW_CFA_restore takes the rule away, as in libgcc. */
    @Test
    void restoresNothingInACommonEntry() {
        CallFrameInterpreter rows = start(section("8602 8302 c6 0603", "41"));
        assertTrue(rows.nextRow());
        assertEquals(CallFrameInterpreter.UNSPECIFIED, rows.ruleKind(6));
        assertEquals(CallFrameInterpreter.UNSPECIFIED, rows.ruleKind(3));
        assertEquals(CallFrameInterpreter.OFFSET, rows.ruleKind(16));
    }

    /** What is restored is what was remembered, of vector registers too, and changes on one side do not show on the other. */
    @Test
    void remembersUncommonRegisters() {
        // undefined r17; remember; undefined r18; | restore_extended r17; | restore_state
        CallFrameInterpreter rows = run("0711 0a 0712 41 0611 41 0b");
        List<Set<Integer>> registers = new ArrayList<>();
        while (rows.nextRow()) {
            registers.add(rows.row().registers().tailMap(17, true).keySet());
        }
        assertEquals(List.of(Set.of(17, 18), Set.of(18), Set.of(17)), registers);
    }

    /** A thousand states with ten thousands of registers each would take gigabytes. */
    @Test
    void boundsWhatItRemembers() {
        StringBuilder program = new StringBuilder();
        for (int register = 17; register < 17 + 257; register++) {
            program.append("07%02x%02x".formatted(register & 0x7f | 0x80, register >> 7));
        }
        CallFrameInterpreter rows = run(program.toString());
        MalformedInputException refusal = assertThrows(MalformedInputException.class, rows::nextRow);
        assertEquals("rules for more than 256 uncommon registers", refusal.reason());
        // One fewer is allowed, and remembering them over and over is cheap.
        String most = program.substring(6) + "0a".repeat(1024) + "0b".repeat(1024);
        CallFrameInterpreter allowed = run(most);
        assertTrue(allowed.nextRow());
        assertEquals(256, allowed.row().registers().tailMap(17, true).size());
    }

    /** An extended length that the section has no room for: nothing behind it can be found, and the walk over entries ends. */
    @Test
    void endsWithALengthThatIsCutOff() {
        byte[] cut = HexFormat.of().parseHex("ffffffff10000000");
        CallFrameInfo info = new CallFrameInfo(
                Bytes.of(cut, "test"), 0, CallFrameInfo.Flavor.EH_FRAME, 0, 0, vaddr -> OptionalLong.empty());
        CallFrameInfo.EntryCursor entries = info.entries();
        assertThrows(MalformedInputException.class, entries::next);
        assertFalse(entries.next());
        assertEquals(1, new FdeIndex(info).malformed());
    }

    @Test
    void findsEntriesWhereverTheyOverlap() {
        CallFrameInfo info = section("", "");
        FdeIndex index = new FdeIndex(info);
        assertEquals(1, index.size());
        assertEquals(
                START, Objects.requireNonNull(index.find(START + LENGTH - 1)).start());
        assertEquals(null, index.find(START + LENGTH));
        assertEquals(null, index.find(START - 1));
    }
}
