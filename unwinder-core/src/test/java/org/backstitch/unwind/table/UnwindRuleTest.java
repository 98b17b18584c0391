package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Words as {@link UnwindRule} draws them, bit by bit. */
class UnwindRuleTest {
    /** Fields from the top: CFA offset (24), RBP offset (16), addend (8), deref base, RBP mode (3), side, signal, deref, base (5), kind (4). */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // kind, base, CFA offset, RBP mode, RBP offset, addend, flags | the word | in words
                "1, 7, 8, 0, 0, 0, 0 | 0x0000_08_0000_00_0071 | call rsp+8",
                "1, 6, 16, 1, -16, 0, 0 | 0x0000_10_fff0_00_1061 | call rbp+16 rbp=c-16",
                "1, 16, -1, 3, 0, 0, 0x800 | 0xffff_ff_0000_00_3901 | call rip-1 rbp=u +side",
                "1, 3, 8388607, 2, 32767, 0, 0 | 0x7fff_ff_7fff_00_2031 | call rbx+8388607 rbp=b+32767",
                "1, 0, -8388608, 4, -32768, 0, 0 | 0x8000_00_8000_00_4001 | call rax-8388608 rbp=*(rbp-32768)",
                "1, 6, -8, 0, 0, -128, 0x200 | 0xffff_f8_0000_80_0261 | call *(rbp-8)-128",
                "1, 6, -8, 0, 0, 127, 0x200 | 0xffff_f8_0000_7f_0261 | call *(rbp-8)+127",
                "1, 7, 136, 0, 0, 0, 0x8000 | 0x0000_88_0000_00_8071 | call *(rsp)+136",
                "2, 0, 0, 0, 0, 0, 0 | 0x2 | end",
                "3, 0, 0, 0, 0, 0, 0 | 0x3 | undefined",
                "4, 7, -8, 0, 0, 0, 0x400 | 0xffff_f8_0000_00_0474 | regs rsp-8 exact-caller",
                "5, 7, 0, 0, 0, 0, 0 | 0x75 | regs-partial rsp+0",
                "6, 7, 160, 2, 120, 0, 0x600 | 0x0000_a0_0078_00_2676 | signal *(rsp+160)+0 rbp=b+120 exact-caller",
                "7, 7, 8, 0, 0, 11, 0 | 0x0000_08_0000_0b_0077 | plt rsp+8+8*(rip&15>=11)",
                "8, 0, 0, 0, 0, 0, 0x800 | 0x808 | side +side",
                "9, 0, 0, 0, 0, 0, 0 | 0x9 | malformed",
            })
    void fieldsLieWhereTheyAreDrawn(String fields, String word, String text) {
        long[] field = new long[7];
        String[] parts = fields.split(",", -1);
        for (int i = 0; i < field.length; i++) {
            field[i] = Long.decode(parts[i].strip());
        }
        long rule = UnwindRule.of(
                (int) field[0], (int) field[1], field[2], (int) field[3], field[4], (int) field[5], field[6]);
        assertEquals(Long.parseUnsignedLong(word.substring(2).replace("_", ""), 16), rule);
        assertEquals(text, UnwindRule.toString(rule));
        assertEquals(field[0], UnwindRule.kind(rule));
        assertEquals(field[1], UnwindRule.base(rule));
        assertEquals(field[2], UnwindRule.cfaOffset(rule));
        assertEquals(field[3], UnwindRule.rbpMode(rule));
        assertEquals(field[4], UnwindRule.rbpOffset(rule));
        assertEquals(field[5], UnwindRule.addend(rule));
        assertEquals((field[6] & 0x200) != 0, UnwindRule.isDereferenced(rule));
        assertEquals((field[6] & 0x8000) != 0, UnwindRule.isBaseDereferenced(rule));
        assertEquals((field[6] & 0x400) != 0, UnwindRule.callerIsExact(rule));
        assertEquals((field[6] & 0x800) != 0, UnwindRule.hasSide(rule));
    }

    @Test
    void theWordOfNoRule() {
        assertEquals("none", UnwindRule.toString(UnwindRule.NONE));
        assertEquals(UnwindRule.NONE_KIND, UnwindRule.kind(UnwindRule.NONE));
        assertEquals(2, UnwindRule.of(UnwindRule.END));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 7, 8, 0, 0, 0, 0", // no kind
        "10, 7, 8, 0, 0, 0, 0",
        "1, -1, 8, 0, 0, 0, 0", // no general register
        "1, 17, 8, 0, 0, 0, 0",
        "1, 7, 8388608, 0, 0, 0, 0", // offsets that need one bit more
        "1, 7, -8388609, 0, 0, 0, 0",
        "1, 7, 8, 1, 32768, 0, 0",
        "1, 7, 8, 1, -32769, 0, 0",
        "1, 7, 8, 0, 0, 128, 0",
        "1, 7, 8, 0, 0, -129, 0",
        "1, 7, 8, -1, 0, 0, 0", // no mode
        "1, 7, 8, 5, 0, 0, 0",
        "1, 7, 8, 0, 0, 0, 1", // no flag
        "1, 7, 8, 0, 0, 0, 0x8200", // loaded twice
    })
    void whatNoWordCanSay(int kind, int base, long cfaOffset, int mode, long rbpOffset, int addend, String flags) {
        assertThrows(
                IllegalArgumentException.class,
                () -> UnwindRule.of(kind, base, cfaOffset, mode, rbpOffset, addend, Long.decode(flags)));
    }

    @Test
    void whatFits() {
        assertTrue(UnwindRule.fitsCfaOffset(0x7f_ffff) && UnwindRule.fitsCfaOffset(-0x80_0000));
        assertFalse(UnwindRule.fitsCfaOffset(0x80_0000) || UnwindRule.fitsCfaOffset(-0x80_0001));
        assertTrue(UnwindRule.fitsRbpOffset(0x7fff) && UnwindRule.fitsRbpOffset(-0x8000));
        assertFalse(UnwindRule.fitsRbpOffset(0x8000) || UnwindRule.fitsRbpOffset(-0x8001));
    }
}
