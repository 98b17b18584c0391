package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.backstitch.unwind.machine.X86_64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Words as {@link SavedRegisters} describes them: five signed fields of twelve bits, RBX's lowest. */
class SavedRegistersTest {
    private static final int[] REGISTERS = {X86_64.RBX, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15};

    @ParameterizedTest
    @CsvSource({
        // words from the CFA, the field
        "-2, ffe",
        "1, 001",
        "2047, 7ff",
        "-2047, 801",
    })
    void slots(long words, String bits) {
        for (int index = 0; index < 5; index++) {
            long field = Long.parseLong(bits, 16) << 12 * index;
            assertEquals(field, SavedRegisters.withSlot(SavedRegisters.SAME, index, 8 * words));
            // The other fields stay as they are, whatever was in this one.
            long others = 0xaaa_bbb_ccc_ddd_eeeL & ~(0xfffL << 12 * index);
            long full = SavedRegisters.withSlot(0xaaa_bbb_ccc_ddd_eeeL, index, 8 * words);
            assertEquals(others | field, full);
            assertEquals(8 * words, SavedRegisters.cfaOffset(full, index));
            assertEquals(others, SavedRegisters.withSame(full, index));
            assertEquals(others | 0x800L << 12 * index, SavedRegisters.withUndefined(full, index));
            assertEquals(false, SavedRegisters.isSame(full, index) || SavedRegisters.isUndefined(full, index));
            assertEquals(true, SavedRegisters.isSame(others, index));
            assertEquals(false, SavedRegisters.isUndefined(others, index));
            assertEquals(true, SavedRegisters.isUndefined(0x800L << 12 * index, index));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "-16, true",
        "8, true",
        "16376, true", // 2,047 words
        "16384, false",
        "-16376, true",
        "-16384, false", // that field stands for undefined
        "0, false", // and that for the same
        "-12, false", // not a whole number of words
        "7, false",
    })
    void fits(long cfaOffset, boolean fits) {
        assertEquals(fits, SavedRegisters.fits(cfaOffset));
    }

    @Test
    void registersAndTheirFields() {
        for (int index = 0; index < 5; index++) {
            assertEquals(REGISTERS[index], SavedRegisters.register(index));
        }
        for (int register = -1; register <= 17; register++) {
            int expected = -1;
            for (int index = 0; index < 5; index++) {
                expected = REGISTERS[index] == register ? index : expected;
            }
            assertEquals(expected, SavedRegisters.index(register), "register " + register);
        }
    }

    @Test
    void inWords() {
        assertEquals("", SavedRegisters.toString(SavedRegisters.SAME));
        assertEquals("rbx=c-24 r12=u r15=c+8", SavedRegisters.toString(0x001_000_000_800_ffdL));
    }
}
