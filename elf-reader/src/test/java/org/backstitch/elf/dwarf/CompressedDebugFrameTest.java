package org.backstitch.elf.dwarf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.zip.Deflater;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;
import org.junit.jupiter.api.Test;

/** {@code .zdebug_frame}, as {@code gcc -gz=zlib-gnu} leaves it: "ZLIB", the size of the content in 8 bytes, big-endian, a zlib stream. */
class CompressedDebugFrameTest {
    /** A CIE of version 1 (code alignment 1, data alignment -8, column 16, CFA rsp+8), and an FDE of 0x1000 to 0x1040 (DWARF 5 §6.4.1). */
    private static final byte[] DEBUG_FRAME = HexFormat.of()
            .parseHex("10000000 ffffffff 01 00 01 78 10 0c0708 9001 0000".replace(" ", "")
                    + "14000000 00000000 0010000000000000 4000000000000000".replace(" ", ""));

    private static byte[] compressed() {
        Deflater deflater = new Deflater();
        deflater.setInput(DEBUG_FRAME);
        deflater.finish();
        byte[] stream = new byte[200];
        int length = deflater.deflate(stream);
        deflater.end();
        ByteArrayOutputStream section = new ByteArrayOutputStream();
        section.writeBytes("ZLIB".getBytes(StandardCharsets.US_ASCII));
        section.writeBytes(ByteBuffer.allocate(8).putLong(DEBUG_FRAME.length).array());
        section.write(stream, 0, length);
        return section.toByteArray();
    }

    private static FrameDescriptionEntry entryIn(String section, byte[] content) {
        ElfFile elf = ElfFile.of(
                Bytes.of(new SyntheticElf(2).section(section, 0, 0, content).bytes(), section));
        CallFrameInfo info = CallFrameInfo.of(elf).orElseThrow();
        FrameDescriptionEntry fde = new FdeIndex(info).find(0x103f);
        if (fde == null) {
            throw new AssertionError("no entry in " + section);
        }
        return fde;
    }

    @Test
    void isDebugFrame() {
        FrameDescriptionEntry plain = entryIn(".debug_frame", DEBUG_FRAME);
        FrameDescriptionEntry compressed = entryIn(".zdebug_frame", compressed());
        for (FrameDescriptionEntry fde : new FrameDescriptionEntry[] {plain, compressed}) {
            assertEquals(0x1000, fde.start());
            assertEquals(0x1040, fde.end());
            assertEquals(16, fde.cie().returnAddressRegister());
        }
    }
}
