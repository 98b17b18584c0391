package org.backstitch.elf.dwarf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Call frame information in files: which section is taken, by what it is found where there are no section headers (LSB 5.0 §10.6), and
 * what its pointers are relative to (§10.5.1).
 */
class CallFrameSectionsTest {
    private static final int REL = 1;
    private static final int DYN = 3;
    private static final int LOAD = 1;
    private static final int EH_FRAME_SEGMENT = 0x6474_e550; // PT_GNU_EH_FRAME

    private static final long TEXT = 0x1000;
    private static final long GOT = 0x3000;
    private static final long FRAMES = 0x2000;

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replace(" ", ""));
    }

    /** A CIE of 20 bytes whose pointers are of an encoding, an FDE of one pointer and a length of 32, and a terminator. */
    private static byte[] ehFrame(int encoding, int pointer) {
        ByteBuffer bytes = ByteBuffer.allocate(44).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(16).putInt(0).put(hex("01 7a5200 01 78 10 01")).put((byte) encoding);
        bytes.position(20).putInt(16).putInt(24).putInt(pointer).putInt(32);
        return bytes.array();
    }

    /** A CIE and an FDE for [0x7000, 0x7040), as {@code .debug_frame} has them. */
    private static byte[] debugFrame() {
        return hex("0c000000 ffffffff 01 00 01 78 10 000000 14000000 00000000 0070000000000000 4000000000000000");
    }

    private static ElfFile file(SyntheticElf elf) {
        return ElfFile.of(Bytes.of(elf.bytes(), "file"));
    }

    private static FrameDescriptionEntry only(CallFrameInfo info) {
        FdeIndex index = new FdeIndex(info);
        assertEquals(0, index.malformed());
        assertEquals(1, index.size());
        return index.fde(0);
    }

    @Test
    void ehFrameComesFirst() {
        ElfFile elf = file(new SyntheticElf(DYN)
                .section(".debug_frame", 0, 0, debugFrame())
                .section(".eh_frame", SyntheticElf.ALLOC, FRAMES, ehFrame(0x1b, -0x101c)));
        CallFrameInfo info = CallFrameInfo.of(elf).orElseThrow();
        assertEquals(CallFrameInfo.Flavor.EH_FRAME, info.flavor());
        assertEquals(".eh_frame", info.flavor().sectionName());
        assertEquals(FRAMES, info.sectionVaddr());
        assertEquals(44, info.section().size());
        assertEquals(TEXT, only(info).start());
        assertEquals(TEXT + 32, only(info).end());
        CallFrameInfo debug =
                CallFrameInfo.of(elf, CallFrameInfo.Flavor.DEBUG_FRAME).orElseThrow();
        assertEquals(CallFrameInfo.Flavor.DEBUG_FRAME, debug.flavor());
        assertEquals(".debug_frame", debug.flavor().sectionName());
        assertEquals(0x7000, only(debug).start());
    }

    @Test
    void debugFrameWhereThereIsNoOther() {
        byte[][] none = {{}, null};
        for (byte[] ehFrame : none) {
            SyntheticElf elf = new SyntheticElf(DYN).section(".debug_frame", 0, 0, debugFrame());
            if (ehFrame != null) {
                elf.section(".eh_frame", SyntheticElf.ALLOC, FRAMES, ehFrame);
            }
            CallFrameInfo info = CallFrameInfo.of(file(elf)).orElseThrow();
            assertEquals(CallFrameInfo.Flavor.DEBUG_FRAME, info.flavor());
            assertEquals(0x7000, only(info).start());
            assertTrue(
                    CallFrameInfo.of(file(elf), CallFrameInfo.Flavor.EH_FRAME).isEmpty());
        }
        assertEquals(Optional.empty(), CallFrameInfo.of(file(new SyntheticElf(DYN).section(".text", 0, 0, hex("90")))));
    }

    /** Files of symbols only: their sections are there in name ({@code SHT_NOBITS}). */
    @Test
    void sectionsWithoutContent() {
        for (String name : new String[] {".eh_frame", ".debug_frame"}) {
            byte[] bytes = new SyntheticElf(DYN)
                    .section(name, SyntheticElf.ALLOC, FRAMES, ehFrame(0x1b, -0x101c))
                    .bytes();
            ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            int headers = (int) file.getLong(40); // e_shoff; sh_type of the first section behind the null one
            file.putInt(headers + 64 + 4, 8);
            assertEquals(Optional.empty(), CallFrameInfo.of(ElfFile.of(Bytes.of(bytes, name))));
        }
    }

    /** Pointers from .text and .got; a pointer to where the pointer is; and where the file lacks what they need. */
    @ParameterizedTest
    @CsvSource({
        "1b, -0x101c, 0x1000", // from where it stands, 0x201c
        "2b, 0x10, 0x1010",
        "3b, 0x10, 0x3010",
        "9b, 0xfe4, 0x1122334455667788", // what lies at 0x3000
    })
    void whatPointersAreRelativeTo(String encoding, String pointer, String start) {
        byte[] frames = ehFrame(Integer.parseInt(encoding, 16), Integer.decode(pointer));
        ElfFile elf = file(new SyntheticElf(DYN)
                .segment(LOAD, 4, GOT, hex("8877665544332211"))
                .section(".text", SyntheticElf.ALLOC, TEXT, hex("90"))
                .section(".got", SyntheticElf.ALLOC, GOT, hex("0000000000000000"))
                .section(".eh_frame", SyntheticElf.ALLOC, FRAMES, frames));
        assertEquals(
                Long.decode(start), only(CallFrameInfo.of(elf).orElseThrow()).start());
    }

    @Test
    void anIndirectPointerToNothing() {
        ElfFile elf = file(new SyntheticElf(DYN)
                .segment(LOAD, 4, GOT, hex("00112233445566")) // a byte too few
                .section(".eh_frame", SyntheticElf.ALLOC, FRAMES, ehFrame(0x9b, 0xfe4)));
        FdeIndex index = new FdeIndex(CallFrameInfo.of(elf).orElseThrow());
        assertEquals(0, index.size());
        assertEquals(1, index.malformed());
        MalformedInputException first = index.firstMalformed();
        assertTrue(first != null && first.reason().contains("indirect pointer to 0x3000"), String.valueOf(first));
    }

    /** Sections of object files are linked nowhere yet: addresses count from the section. */
    @Test
    void anObjectFile() {
        ElfFile elf = file(new SyntheticElf(REL)
                .section(".text", SyntheticElf.ALLOC, TEXT, hex("90"))
                .section(".eh_frame", SyntheticElf.ALLOC, FRAMES, ehFrame(0x1b, 0x10)));
        CallFrameInfo info = CallFrameInfo.of(elf).orElseThrow();
        assertEquals(0, info.sectionVaddr());
        assertEquals(28 + 0x10, only(info).start());
    }

    /** A search table whose first field leads to the entries, 64 bytes behind it; no table. */
    private static final String HEADER = "01 1b ff ff 3c000000";

    private static ElfFile withoutSections(byte[] frames) {
        byte[] segment = new byte[64 + frames.length];
        System.arraycopy(hex(HEADER), 0, segment, 0, 8);
        System.arraycopy(frames, 0, segment, 64, frames.length);
        return file(new SyntheticElf(DYN)
                .segment(LOAD, 4, FRAMES - 64, segment)
                .segment(EH_FRAME_SEGMENT, 4, FRAMES - 64, hex(HEADER)));
    }

    @Test
    void withoutSectionHeaders() {
        byte[] frames = ehFrame(0x1b, -0x101c);
        ByteBuffer more = ByteBuffer.allocate(200).order(ByteOrder.LITTLE_ENDIAN);
        more.put(frames).putInt(12).putInt(0x4444).putLong(0); // what lies behind the terminator is something else
        ElfFile elf = withoutSections(more.array());
        assertTrue(CallFrameInfo.of(elf, CallFrameInfo.Flavor.DEBUG_FRAME).isEmpty(), "no segment is for that one");
        CallFrameInfo info = CallFrameInfo.of(elf).orElseThrow();
        assertEquals(
                info.section().size(),
                CallFrameInfo.of(elf, CallFrameInfo.Flavor.EH_FRAME)
                        .orElseThrow()
                        .section()
                        .size());
        assertEquals(40, info.section().size(), "up to the terminator");
        assertEquals(FRAMES, info.sectionVaddr());
        assertEquals(CallFrameInfo.Flavor.EH_FRAME, info.flavor());
        assertEquals(TEXT, only(info).start());
    }

    @Test
    void withoutSectionHeadersAndWithoutATerminator() {
        byte[] frames = ehFrame(0x1b, -0x101c);
        frames[40] = 0x70; // more than there is
        CallFrameInfo info = CallFrameInfo.of(withoutSections(frames)).orElseThrow();
        assertEquals(40, info.section().size());
        assertEquals(TEXT, only(info).start());
    }

    /** Indirect pointers are read from the segments. */
    @Test
    void withoutSectionHeadersAPointerToAPointer() {
        // 0xfc0, where the file has nothing.
        FdeIndex nowhere = new FdeIndex(
                CallFrameInfo.of(withoutSections(ehFrame(0x9b, -0x105c))).orElseThrow());
        MalformedInputException first = nowhere.firstMalformed();
        assertTrue(first != null && first.reason().contains("indirect pointer to 0xfc0"), String.valueOf(first));
        // 0x201c - 0x24 = 0x1ff8, eight bytes before the entries: zero in the made-up segment, which is for nothing.
        FdeIndex index = new FdeIndex(
                CallFrameInfo.of(withoutSections(ehFrame(0x9b, -0x24))).orElseThrow());
        assertEquals(0, index.malformed());
        assertEquals(0, index.size());
        assertNull(index.find(0));
    }

    @Test
    void noHeaderNoSegment() {
        assertTrue(CallFrameInfo.of(file(new SyntheticElf(DYN).segment(LOAD, 4, FRAMES, hex("00000000"))))
                .isEmpty());
        // A header that leads out of the file.
        assertTrue(CallFrameInfo.of(file(new SyntheticElf(DYN)
                        .segment(LOAD, 4, FRAMES, hex("01 1b ff ff 00100000"))
                        .segment(EH_FRAME_SEGMENT, 4, FRAMES, hex("01 1b ff ff 00100000"))))
                .isEmpty());
    }
}
