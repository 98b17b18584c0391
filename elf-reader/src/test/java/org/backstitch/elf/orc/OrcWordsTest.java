package org.backstitch.elf.orc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Entries in objtool's words, read back. */
class OrcWordsTest {
    @Test
    void everyEntryIsReadAsItIsWritten() {
        int count = 0;
        for (OrcType type : OrcType.values()) {
            for (OrcRegister sp : OrcRegister.values()) {
                for (OrcRegister bp : OrcRegister.values()) {
                    if (type.describesFrame() == sp.locatesSp() && bp.locatesBp()) {
                        for (int offset : new int[] {0, 8, -8, Short.MAX_VALUE, Short.MIN_VALUE}) {
                            int spOffset = sp == OrcRegister.UNDEFINED ? 0 : offset;
                            int bpOffset = bp == OrcRegister.UNDEFINED ? 0 : offset;
                            for (boolean signal : new boolean[] {false, true}) {
                                OrcEntry entry = new OrcEntry(type, sp, spOffset, bp, bpOffset, signal);
                                assertEquals(entry, OrcText.entry(entry.toString()));
                                count++;
                            }
                        }
                    }
                }
            }
        }
        assertEquals((3 * 10 + 2 * 2) * 3 * 5 * 2, count, "frames by ten registers, others by none or prevsp");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "type:call sp:sp+8 bp:(und)",
                "type:call sp:sp+8 bp:(und) signal:2",
                "type:call sp:(und) bp:(und) signal:0",
                "type:end sp:sp+8 bp:(und) signal:0",
                "type:call sp:prevsp+8 bp:(und) signal:0",
                "type:call sp:sp+8 bp:sp+8 signal:0",
                "type:call sp:(dx+8) bp:(und) signal:0",
                "type:call sp:(bp)+8 bp:(und) signal:0",
                "type:call sp:ip+8 bp:(und) signal:0",
                "type:call sp:sp+32768 bp:(und) signal:0",
                "type:call sp:sp+999999 bp:(und) signal:0",
                "type:jump sp:sp+8 bp:(und) signal:0"
            })
    void whatIsNoEntryIsRefused(String words) {
        assertThrows(IllegalArgumentException.class, () -> OrcText.entry(words));
    }
}
