package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.backstitch.bytes.Bytes;
import org.junit.jupiter.api.Test;

/** Every form of {@code ff /2}, against the tables of the Intel SDM (volume 2, 2-2 and 2-3). */
class CallSitesTest {
    /** How long {@code ff}, ModRM, and what they ask for, are: by the tables' rows. */
    private static int length(int modRm, int sib) {
        int mod = modRm / 64;
        int rm = modRm % 8;
        return switch (mod) {
            case 0 -> rm == 4 ? (sib % 8 == 5 ? 7 : 3) : rm == 5 ? 6 : 2;
            case 1 -> rm == 4 ? 4 : 3;
            case 2 -> rm == 4 ? 7 : 6;
            default -> 2;
        };
    }

    private static boolean endsInCall(byte[] code) {
        return CallSites.endsInCall(Bytes.of(code, "code"));
    }

    @Test
    void everyIndirectCall() {
        for (int modRm = 0; modRm < 256; modRm++) {
            for (int sib = 0; sib < 256; sib += 5) {
                for (int size = 2; size <= 8; size++) {
                    // The instruction begins at the first byte and is as long as it is, or not.
                    byte[] code = new byte[size];
                    code[0] = (byte) 0xff;
                    code[1] = (byte) modRm;
                    if (size > 2) {
                        code[2] = (byte) sib;
                    }
                    boolean other = sib == 0xff || modRm == 0xff || modRm == 0xe8; // bytes that begin another one
                    boolean call = modRm / 8 % 8 == 2 && length(modRm, size > 2 ? sib : 0) == size;
                    if (!other) {
                        assertEquals(call, endsInCall(code), "ff %02x %02x, %d bytes".formatted(modRm, sib, size));
                    }
                }
            }
        }
    }

    @Test
    void relativeCallsEndFiveBytesOn() {
        assertTrue(endsInCall(new byte[] {(byte) 0xe8, 1, 2, 3, 4}));
        assertTrue(endsInCall(new byte[] {0x41, (byte) 0xe8, 1, 2, 3, 4}));
        assertFalse(endsInCall(new byte[] {(byte) 0xe8, 1, 2, 3}));
        assertFalse(endsInCall(new byte[] {(byte) 0xe8, 1, 2, 3, 4, 5}));
        assertFalse(endsInCall(new byte[] {(byte) 0xe9, 1, 2, 3, 4}));
        assertFalse(endsInCall(new byte[0]));
        assertFalse(endsInCall(new byte[] {(byte) 0xff}));
    }
}
