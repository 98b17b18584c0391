package org.backstitch.bytes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BytesTest {
    private static Bytes hex(String hex) {
        return Bytes.of(HexFormat.of().parseHex(hex), "test");
    }

    @Test
    void readsLittleEndian() {
        Bytes bytes = hex("80ff010203040506ff");
        assertEquals(0x80, bytes.u8(0));
        assertEquals(0xff80, bytes.u16(0));
        assertEquals(0x0201ff80, bytes.i32(0));
        assertEquals(0x06050403L, bytes.u32(4));
        assertEquals(0xff060504030201ffL, bytes.i64(1));
    }

    @Test
    void refusesEveryReadThatLeavesTheView() {
        Bytes bytes = hex("0000000011223344").slice(4, 4);
        MalformedInputException e = assertThrows(MalformedInputException.class, () -> bytes.i32(1));
        assertEquals("test: expected 4 bytes, but the data ends at 0x8 (at offset 0x5)", e.getMessage());
        assertEquals(5, e.offset());
        assertThrows(MalformedInputException.class, () -> bytes.u8(-1));
        assertThrows(MalformedInputException.class, () -> bytes.i64(Long.MAX_VALUE));
        assertThrows(MalformedInputException.class, () -> bytes.slice(2, -1));
        assertThrows(MalformedInputException.class, () -> bytes.slice(1, Long.MAX_VALUE));
        assertFalse(bytes.contains(Long.MIN_VALUE, 1));
        assertTrue(bytes.contains(4, 0));
    }

    @Test
    void readsStrings() {
        Bytes bytes = hex("61c3a9006263");
        assertEquals("aé", bytes.cString(0));
        assertEquals("bc", bytes.paddedString(4, 2));
        assertEquals("a", hex("610062").paddedString(0, 3));
        assertThrows(MalformedInputException.class, () -> bytes.cString(4));
        Cursor cursor = bytes.cursor(0);
        assertEquals("aé", cursor.cString());
        assertEquals(4, cursor.position());
    }

    // DWARF 5 §7.6, tables 7.7 and 7.8, then padding and the limits of 64 bits.
    @ParameterizedTest
    @CsvSource({
        "02,2",
        "7f,127",
        "8001,128",
        "8101,129",
        "b964,12857",
        "8000,0",
        "ffffffffffffffffff01,18446744073709551615",
        "808080808080808080808000,0"
    })
    void readsUnsignedLeb128(String hex, String value) {
        Cursor cursor = hex(hex).cursor(0);
        assertEquals(Long.parseUnsignedLong(value), cursor.uleb128());
        assertFalse(cursor.hasRemaining());
    }

    @ParameterizedTest
    @CsvSource({
        "02,2",
        "7e,-2",
        "ff00,127",
        "817f,-127",
        "8001,128",
        "807f,-128",
        "8101,129",
        "ff7e,-129",
        "40,-64",
        "3f,63",
        "8080808080808080807f,-9223372036854775808",
        "ffffffffffffffffff00,9223372036854775807",
        "ffffffffffffffffffffff7f,-1",
        "8000,0"
    })
    void readsSignedLeb128(String hex, long value) {
        Cursor cursor = hex(hex).cursor(0);
        assertEquals(value, cursor.sleb128());
        assertFalse(cursor.hasRemaining());
    }

    @ParameterizedTest
    @ValueSource(strings = {"80808080808080808002", "8080808080808080808001", "80"})
    void refusesUnsignedLeb128(String hex) {
        Cursor cursor = hex(hex).cursor(0);
        assertThrows(MalformedInputException.class, cursor::uleb128);
        assertEquals(0, cursor.position());
    }

    @ParameterizedTest
    @ValueSource(strings = {"80808080808080808001", "8080808080808080807e", "ffffffffffffffffff807f", "ff"})
    void refusesSignedLeb128(String hex) {
        assertThrows(MalformedInputException.class, () -> hex(hex).cursor(0).sleb128());
    }

    @Test
    void mapsAFile(@TempDir Path dir) throws Exception {
        Path file = Files.write(dir.resolve("four"), new byte[] {1, 2, 3, 4});
        try (Arena arena = Arena.ofConfined()) {
            Bytes bytes = Bytes.map(file, arena);
            assertEquals(0x04030201, bytes.i32(0));
            assertEquals(file.toString(), bytes.source());
        }
    }
}
