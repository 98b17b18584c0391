package org.backstitch.elf.orc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The bit layouts of {@code asm/orc_types.h}: six bytes on the left, objtool's words for them on the right. */
class OrcFormatTest {
    private static Bytes bytes(String hex) {
        return Bytes.of(HexFormat.of().parseHex(hex.replace(" ", "")), "test");
    }

    private static String decode(OrcFormat format, String hex) {
        OrcEntry entry = format.decode(OrcFormat.raw(bytes(hex), 0));
        return entry == null ? "invalid" : entry.toString();
    }

    // int16 sp_offset, int16 bp_offset, then little-endian flags: sp_reg | bp_reg << 4, type and more in the upper
    // byte.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // Version 1: SP 5, PREV_SP 1, type CALL 0.
                "LINUX_4_14 | 0800 0000 0500 | type:call sp:sp+8 bp:(und) signal:0",
                "LINUX_5_12 | 3000 d0ff 1500 | type:call sp:sp+48 bp:prevsp-48 signal:0",
                "LINUX_5_12 | 1000 f0ff 1400 | type:call sp:bp+16 bp:prevsp-16 signal:0",
                // SP undefined: the end bit (10) tells the two cases apart.
                "LINUX_5_12 | 0000 0000 0000 | type:(und) sp:(und) bp:(und) signal:0",
                "LINUX_5_12 | 0000 0000 0004 | type:end sp:(und) bp:(und) signal:0",
                // No signal bit: REGS 1 and REGS_PARTIAL 2 are of interrupted frames.
                "LINUX_5_12 | 0000 0000 0501 | type:regs sp:sp+0 bp:(und) signal:1",
                "LINUX_5_12 | 0800 0000 0502 | type:regs (partial) sp:sp+8 bp:(und) signal:1",
                "LINUX_5_12 | 0800 0000 0202 | type:regs (partial) sp:dx+8 bp:(und) signal:1",
                // BP_INDIRECT 8, and SP_INDIRECT 9, whose meaning changed in 5.12.
                "LINUX_5_12 | f0ff 0000 4800 | type:call sp:(bp-16) bp:bp+0 signal:0",
                "LINUX_5_12 | 1000 0000 0900 | type:call sp:(sp)+16 bp:(und) signal:0",
                "LINUX_4_14 | 1000 0000 0901 | type:regs sp:(sp+16) bp:(und) signal:1",
                "LINUX_5_12 | 0000 0000 4600 | type:call sp:r10+0 bp:bp+0 signal:0",
                "LINUX_5_12 | 0000 0000 0700 | type:call sp:r13+0 bp:(und) signal:0",
                "LINUX_5_12 | 0000 0000 0300 | type:call sp:di+0 bp:(und) signal:0",
                // What version 1 has no meaning for: type 3, bit 11, register 10, a previous SP found from itself.
                "LINUX_5_12 | 0800 0000 0503 | invalid",
                "LINUX_5_12 | 0800 0000 0508 | invalid",
                "LINUX_5_12 | 0800 0000 0a00 | invalid",
                "LINUX_5_12 | 0800 0000 0100 | invalid",
                "LINUX_5_12 | 0800 0000 2500 | invalid",
                "LINUX_5_12 | 0800 0000 0504 | invalid",
                // Version 2: signal is bit 10, end is bit 11.
                "LINUX_6_3 | 0000 0000 0505 | type:regs sp:sp+0 bp:(und) signal:1",
                "LINUX_6_3 | 0000 0000 0501 | type:regs sp:sp+0 bp:(und) signal:0",
                "LINUX_6_3 | 0000 0000 0008 | type:end sp:(und) bp:(und) signal:0",
                "LINUX_6_3 | 0000 0000 0004 | invalid",
                // Version 3: three bits of type, UNDEFINED 0 to REGS_PARTIAL 4; signal is bit 11.
                "LINUX_6_4 | 0000 0000 0000 | type:(und) sp:(und) bp:(und) signal:0",
                "LINUX_6_4 | 0000 0000 0001 | type:end sp:(und) bp:(und) signal:0",
                "LINUX_6_4 | 0800 0000 0502 | type:call sp:sp+8 bp:(und) signal:0",
                "LINUX_6_4 | 0000 0000 050b | type:regs sp:sp+0 bp:(und) signal:1",
                "LINUX_6_4 | 0000 0000 0504 | type:regs (partial) sp:sp+0 bp:(und) signal:0",
                "LINUX_6_4 | 0000 0000 0505 | invalid",
                "LINUX_6_4 | 0800 0000 0500 | invalid",
                "LINUX_6_4 | 0000 0000 0002 | invalid",
                // Version 4: AX 1, SP 3, DI 5, PREV_SP 8, SP_INDIRECT 9, BP_INDIRECT 10.
                "LINUX_7_1 | 0800 0000 0302 | type:call sp:sp+8 bp:(und) signal:0",
                "LINUX_7_1 | 1800 e8ff 8302 | type:call sp:sp+24 bp:prevsp-24 signal:0",
                "LINUX_7_1 | 8800 d0ff 8902 | type:call sp:(sp)+136 bp:prevsp-48 signal:0",
                "LINUX_7_1 | d8ff 0000 4a02 | type:call sp:(bp-40) bp:bp+0 signal:0",
                "LINUX_7_1 | 0000 0000 0102 | type:call sp:ax+0 bp:(und) signal:0",
                "LINUX_7_1 | 0800 0000 020c | type:regs (partial) sp:dx+8 bp:(und) signal:1",
                "LINUX_7_1 | f8ff 0000 030b | type:regs sp:sp-8 bp:(und) signal:1",
                "LINUX_7_1 | 0000 0000 0502 | type:call sp:di+0 bp:(und) signal:0",
                "LINUX_7_1 | 0000 0000 0802 | invalid",
                "LINUX_7_1 | 0000 0000 0b02 | invalid",
                "LINUX_7_1 | 0800 0000 0312 | invalid"
            })
    void entriesOfEachVersion(OrcFormat format, String hex, String meaning) {
        assertEquals(meaning, decode(format, hex));
    }

    /** What {@code .orc_header} of Linux 6.3.10, 6.12 and 7.2 holds. */
    @ParameterizedTest
    @CsvSource({
        "db84aed4103b31dd51e017f8f79783ca985c2c51, LINUX_6_3",
        "fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24, LINUX_6_4",
        "137c36ad7627c4dd55932176bb0ecdbd5041fc82, LINUX_7_1"
    })
    void headers(String hash, OrcFormat format) {
        assertEquals(format, OrcFormat.ofHeader(bytes(hash)));
    }

    @Test
    void aHeaderThatIsNotKnownIsRefusedByName() {
        String hash = "00112233445566778899aabbccddeeff00112233";
        MalformedInputException unknown =
                assertThrows(MalformedInputException.class, () -> OrcFormat.ofHeader(bytes(hash)));
        assertTrue(unknown.reason().contains(hash), unknown.reason());
        assertThrows(MalformedInputException.class, () -> OrcFormat.ofHeader(bytes("0011")));
    }

    @ParameterizedTest
    @CsvSource({
        "4.13.0, ",
        "4.14, LINUX_4_14",
        "5.11.22-generic, LINUX_4_14",
        "5.12-rc1, LINUX_5_12",
        "6.1.0-56-amd64, LINUX_5_12",
        "6.2.16, LINUX_5_12",
        "6.3.0, LINUX_6_3",
        "6.4rc1, LINUX_6_4",
        "6.12.117+deb13-amd64 SMP preempt mod_unload, LINUX_6_4",
        "7.0.1, LINUX_6_4",
        "7.1.0, LINUX_7_1",
        "10.0, LINUX_7_1"
    })
    void mainlineReleases(String release, OrcFormat format) {
        assertEquals(Optional.ofNullable(format), KernelRelease.parse(release).flatMap(OrcFormat::ofRelease), release);
    }

    @Test
    void whatIsNoRelease() {
        assertEquals(Optional.empty(), KernelRelease.parse("%s version %s"));
        assertEquals(Optional.empty(), KernelRelease.parse("6"));
        assertEquals(Optional.empty(), KernelRelease.parse("6.x"));
        assertEquals(Optional.empty(), KernelRelease.parse("99999.1"));
        assertEquals(new KernelRelease(6, 1), KernelRelease.parse("6.1").orElseThrow());
        assertEquals("6.1", new KernelRelease(6, 1).toString().toLowerCase(Locale.ROOT));
    }

    @Test
    void versions() {
        assertEquals(1, OrcFormat.LINUX_4_14.version());
        assertEquals(1, OrcFormat.LINUX_5_12.version());
        assertEquals(2, OrcFormat.LINUX_6_3.version());
        assertEquals(3, OrcFormat.LINUX_6_4.version());
        assertEquals(4, OrcFormat.LINUX_7_1.version());
        assertNull(OrcFormat.LINUX_7_1.decode(0x0f00_0000_0000L));
    }
}
