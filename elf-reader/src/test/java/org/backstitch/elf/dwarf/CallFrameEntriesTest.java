package org.backstitch.elf.dwarf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Entries of call frame information by hand: bytes on the left, fields on the right (LSB 5.0 §10.5, §10.6; DWARF 5 §6.4.1). */
class CallFrameEntriesTest {
    private static final long VADDR = 0x1000;
    private static final long TEXT = 0x10_0000;
    private static final long DATA = 0x20_0000;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replace(" ", ""));
    }

    private CallFrameEntriesTest little(long value, int size) {
        for (int i = 0; i < size; i++) {
            out.write((int) (value >>> 8 * i));
        }
        return this;
    }

    /** An entry of the 32-bit format, everything behind the length in hexadecimal. */
    private CallFrameEntriesTest entry(String content) {
        byte[] bytes = hex(content);
        little(bytes.length, 4).out.writeBytes(bytes);
        return this;
    }

    private CallFrameInfo info(CallFrameInfo.Flavor flavor) {
        return new CallFrameInfo(
                Bytes.of(out.toByteArray(), "test"),
                VADDR,
                flavor,
                TEXT,
                DATA,
                vaddr -> vaddr == 0x5000 ? OptionalLong.of(0x1234) : OptionalLong.empty());
    }

    private static FrameDescriptionEntry only(CallFrameInfo info) {
        CallFrameInfo.EntryCursor entries = info.entries();
        assertTrue(entries.next());
        assertTrue(entries.isCie());
        assertEquals(0, entries.cie().orElseThrow().offset());
        assertTrue(entries.fde().isEmpty());
        assertTrue(entries.next());
        assertFalse(entries.isCie());
        assertTrue(entries.cie().isEmpty());
        FrameDescriptionEntry fde = entries.fde().orElseThrow();
        assertEquals(entries.offset(), fde.offset());
        assertFalse(entries.next());
        return fde;
    }

    /** The CIE is 20 bytes long, so that the pointer stands at 28: its address is 0x101c. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "00 | 2211000000000000 1000000000000000 | 1122 | 10", // absolute
                "04 | 2211000000000000 1000000000000000 | 1122 | 10", // udata8
                "0c | f0ffffffffffffff 1000000000000000 | fffffffffffffff0 | 10", // sdata8
                "03 | f0ffffff f0ffffff | fffffff0 | fffffff0", // udata4
                "0b | f0ffffff f0ffffff | fffffffffffffff0 | fffffff0", // sdata4; a length is never negative
                "02 | feff feff | fffe | fffe", // udata2
                "0a | feff feff | fffffffffffffffe | fffe", // sdata2
                "01 | e58e26 e58e26 | 98765 | 98765", // uleb128: the standard's own example, 624485
                "09 | 7e 7e | fffffffffffffffe | 7e", // sleb128
                "1b | 10000000 20000000 | 102c | 20", // from where it stands
                "2b | 10000000 20000000 | 100010 | 20", // from .text
                "3b | 10000000 20000000 | 200010 | 20", // from .got
                "4b | 10000000 20000000 | 10 | 20", // from the function, which is what is being read: from 0
                "1b | 00000000 20000000 | 0 | 20", // null is null
                "50 | 00000000 2211000000000000 3000000000000000 | 1122 | 30", // aligned
                "9b | e43f0000 20000000 | 1234 | 20", // at the address that is named
            })
    void pointers(String encoding, String pointer, String start, String length) {
        entry("00000000 01 7a5200 01 78 10 01 " + encoding + " 000000").entry("18000000" + pointer + "00");
        FrameDescriptionEntry fde = only(info(CallFrameInfo.Flavor.EH_FRAME));
        assertEquals(Long.parseUnsignedLong(start, 16), fde.start());
        assertEquals(Long.parseUnsignedLong(length, 16), fde.length());
        assertEquals(OptionalLong.empty(), fde.lsda());
    }

    /** Aligned to eight bytes of address, wherever the pointer stands: here at 0x101e. */
    @Test
    void alignedPointers() {
        entry("00000000 01 7a5200 01 78 10 01 50 0000000000")
                .entry("1a000000 0000 2211000000000000 3000000000000000 00");
        assertEquals(0x1122, only(info(CallFrameInfo.Flavor.EH_FRAME)).start());
    }

    /** Augmentation data behind addresses of eight bytes, which is not there for the program to begin in. */
    @Test
    void augmentationDataBehindLongAddresses() {
        entry("00000000 01 7a5200 01 78 10 01 00 0c0708")
                .entry("18000000 2211000000000000 1000000000000000 02 4141 44");
        CallFrameInterpreter rows = new CallFrameInterpreter();
        rows.start(only(info(CallFrameInfo.Flavor.EH_FRAME)));
        assertTrue(rows.nextRow());
        assertEquals(4, rows.rowEnd() - rows.rowStart());
    }

    @ParameterizedTest
    @CsvSource({"05,0102030405060708", "0f,01", "60,0102030405060708", "8b,10000000", "00,010203"})
    void pointersThatAreNone(String encoding, String pointer) {
        entry("00000000 01 7a5200 01 78 10 01 " + encoding + " 000000").entry("18000000" + pointer);
        CallFrameInfo.EntryCursor entries = info(CallFrameInfo.Flavor.EH_FRAME).entries();
        assertTrue(entries.next());
        assertTrue(entries.next());
        assertThrows(MalformedInputException.class, entries::parseFde);
    }

    /** GCC's for C++: personality, exception table, signal frame; the personality's pointer is passed over, wherever it leads. */
    @Test
    void augmentation() {
        entry("00000000 01 7a504c525300 01 78 10 07 9b 00000080 1b 1b 0c0708")
                .entry("21000000 10000000 20000000 04 f0ffffff 41");
        CallFrameInfo info = info(CallFrameInfo.Flavor.EH_FRAME);
        FrameDescriptionEntry fde = only(info);
        assertEquals("zPLRS", fde.cie().augmentation());
        assertTrue(fde.cie().isSignalFrame());
        assertEquals(1, fde.cie().version());
        assertEquals(1, fde.cie().codeAlignment());
        assertEquals(-8, fde.cie().dataAlignment());
        assertEquals(16, fde.cie().returnAddressRegister());
        assertEquals(VADDR + 37 + 0x10, fde.start());
        assertEquals(OptionalLong.of(VADDR + 46 - 0x10), fde.lsda());
        CallFrameInterpreter rows = new CallFrameInterpreter();
        rows.start(fde);
        assertTrue(rows.nextRow());
        assertEquals(8, rows.cfaOffset());
        assertEquals(fde.start() + 1, rows.rowEnd());
        assertFalse(rows.hasUncommonRegisters());
    }

    /** A letter that nobody knows, and all behind it, are passed over by the length of their data. */
    @Test
    void unknownAugmentation() {
        entry("00000000 01 7a525100 01 78 10 04 1b aabbcc 0c0708").entry("1c000000 10000000 20000000 02 aabb 41");
        FrameDescriptionEntry fde = only(info(CallFrameInfo.Flavor.EH_FRAME));
        assertEquals(0x20, fde.length());
        CallFrameInterpreter rows = new CallFrameInterpreter();
        rows.start(fde);
        assertTrue(rows.nextRow());
        assertEquals(7, rows.cfaRegister());
        assertEquals(1, rows.rowEnd() - rows.rowStart());
    }

    /** GCC 2's "eh" has a pointer before the factors. */
    @Test
    void oldAugmentation() {
        entry("00000000 01 656800 1122334455667788 02 7c 10 0c0708")
                .entry("1e000000 0010000000000000 1000000000000000");
        FrameDescriptionEntry fde = only(info(CallFrameInfo.Flavor.EH_FRAME));
        assertEquals(2, fde.cie().codeAlignment());
        assertEquals(-4, fde.cie().dataAlignment());
        assertEquals(0x1000, fde.start());
    }

    /** Version 4 says how wide addresses are, and that there may be segments in front of them. */
    @Test
    void versionFourOfDebugFrame() {
        entry("ffffffff 04 00 04 02 01 78 10 0c0708").entry("00000000 abcd 00100000 20000000 41");
        FrameDescriptionEntry fde = only(info(CallFrameInfo.Flavor.DEBUG_FRAME));
        assertEquals(4, fde.cie().version());
        assertEquals(0x1000, fde.start());
        assertEquals(0x20, fde.length());
        assertEquals(CallFrameInfo.Flavor.DEBUG_FRAME, fde.cie().info.flavor());
    }

    /** The 64-bit format: identifiers of eight bytes in .debug_frame, of four in .eh_frame. */
    @Test
    void longEntries() {
        little(0xffff_ffffL, 4).little(8 + 8, 8).out.writeBytes(hex("ffffffffffffffff 03 00 01 78 10 0c0708"));
        little(0xffff_ffffL, 4).little(8 + 16, 8).little(0, 8).little(0x1000, 8).little(0x20, 8);
        assertEquals(0x1000, only(info(CallFrameInfo.Flavor.DEBUG_FRAME)).start());
        out.reset();
        little(0xffff_ffffL, 4).little(4 + 8, 8).out.writeBytes(hex("00000000 01 00 01 78 10 0c0708"));
        little(0xffff_ffffL, 4)
                .little(4 + 16, 8)
                .little(36, 4)
                .little(0x1000, 8)
                .little(0x20, 8);
        assertEquals(0x20, only(info(CallFrameInfo.Flavor.EH_FRAME)).length());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "02 00 01 78 10 | version 2 | 8",
                "05 00 01 78 10 | version 5 | 8",
                "04 00 05 00 01 78 10 | addresses of 5 bytes | 10",
                "01 00 01 78 11 | return address in register 17 | 12",
                "03 00 01 78 8001 | return address in register 128 | 13",
                "01 61626300 01 78 10 | of unknown meaning | 9",
                "01 7a00 01 78 10 20 | expected 0 bytes | 47",
                "01 6162 | without its terminating NUL | 9",
                "01 00 01 78 10 41 | advances the location | 13",
            })
    void commonEntriesThatAreNone(String content, String reason, long offset) {
        entry("ffffffff" + content);
        CallFrameInfo.EntryCursor entries =
                info(CallFrameInfo.Flavor.DEBUG_FRAME).entries();
        assertTrue(entries.next());
        MalformedInputException e = assertThrows(MalformedInputException.class, entries::cie);
        assertTrue(e.reason().contains(reason), e::reason);
        assertEquals(offset, e.offset());
    }

    /** Terminators between inputs are passed over; what is asked for by its place has to be there. */
    @Test
    void places() {
        entry("00000000 01 00 01 78 10 000000").little(0, 4);
        entry("18000000 0010000000000000 2000000000000000");
        CallFrameInfo info = info(CallFrameInfo.Flavor.EH_FRAME);
        assertEquals(20, only(info).offset());
        assertEquals(0x1000, info.fdeAt(20).start());
        assertEquals(0, info.cieAt(0).offset());
        for (long nowhere : new long[] {0, 16, 21, 1000, -4}) {
            assertThrows(MalformedInputException.class, () -> info.fdeAt(nowhere), () -> "at " + nowhere);
        }
        for (long nowhere : new long[] {20, 16, 1000, -4}) {
            assertThrows(MalformedInputException.class, () -> info.cieAt(nowhere), () -> "at " + nowhere);
        }
    }

    private record Range(long start, long length) {
        boolean covers(long vaddr) {
            return vaddr >= start && vaddr < start + length;
        }
    }

    /** Entries in any order, overlapping as they like: the one that starts last decides, of those that start together the first. */
    @Test
    void theIndexAgreesWithASearch() {
        Random random = new Random(7);
        for (int round = 0; round < 60; round++) {
            out.reset();
            entry("00000000 01 00 01 78 10 000000");
            List<Range> ranges = new ArrayList<>();
            int count = round == 0 ? 0 : 1 + random.nextInt(round == 1 ? 700 : 40);
            for (int i = 0; i < count; i++) {
                long start = round % 3 == 2 ? 0x100 + 8L * i : 0x100 + random.nextInt(200);
                Range range = new Range(random.nextInt(12) == 0 ? 0 : start, random.nextInt(30));
                ranges.add(range);
                little(20, 4).little(out.size(), 4).little(range.start, 8).little(range.length, 8);
            }
            FdeIndex index = new FdeIndex(info(CallFrameInfo.Flavor.EH_FRAME));
            for (long vaddr = 0; vaddr < 0x100 + 8L * 700; vaddr++) {
                Range expected = null;
                for (Range range : ranges) {
                    boolean counts = range.start != 0 && range.covers(vaddr);
                    expected = counts && (expected == null || range.start > expected.start) ? range : expected;
                }
                FrameDescriptionEntry found = index.find(vaddr);
                if (expected == null) {
                    assertNull(found, "round " + round + " at " + vaddr);
                } else {
                    assertEquals(expected, found == null ? null : new Range(found.start(), found.length()));
                }
            }
            long highest = 0;
            for (int i = 0; i < index.size(); i++) {
                FrameDescriptionEntry fde = index.fde(i);
                assertEquals(fde.start(), index.start(i));
                assertTrue(i == 0 || index.start(i - 1) <= index.start(i));
                assertEquals(highest > fde.start(), index.overlaps(i));
                highest = Math.max(highest, fde.end());
            }
            assertEquals(highest, index.highestEnd());
            assertEquals(0, index.malformed());
        }
    }

    /** Code at both ends of memory, out of order: of entries that start together the first of the section decides, as everywhere. */
    @Test
    void anIndexOfFarApartAddresses() {
        entry("00000000 01 00 01 78 10 000000");
        long[] starts = {0x7000_0000_0000L, 0x1000, -0x1000, 0x7000_0000_0000L, 0x8000_0000L, 0x1000, -0x1000, 0x1800};
        for (int i = 0; i < starts.length; i++) {
            little(20, 4).little(out.size(), 4).little(starts[i], 8).little(0x10L * (i + 1), 8);
        }
        CallFrameInfo info = info(CallFrameInfo.Flavor.EH_FRAME);
        FdeIndex index = new FdeIndex(info);
        assertSame(info, index.info());
        assertEquals(starts.length, index.size());
        for (int i = 1; i < index.size(); i++) {
            assertTrue(Long.compareUnsigned(index.start(i - 1), index.start(i)) <= 0);
        }
        long[][] lengths = {
            {0x1000, 0x20},
            {0x101f, 0x20},
            {0x1020, 0x60},
            {0x105f, 0x60},
            {0x1800, 0x80},
            {0x8000_0000L, 0x50},
            {0x7000_0000_0000L, 0x10},
            {0x7000_0000_0010L, 0x40},
            {-0x1000, 0x30},
            {-0xfd0, 0x70}
        };
        for (long[] length : lengths) {
            FrameDescriptionEntry found = index.find(length[0]);
            assertEquals(length[1], found == null ? 0 : found.length(), () -> Long.toHexString(length[0]));
        }
        for (long nowhere :
                new long[] {0, 0xfff, 0x1060, 0x1880, 0x8000_0050L, 0x7000_0000_0040L, -0x1001, -0xf90, -1}) {
            assertNull(index.find(nowhere), () -> Long.toHexString(nowhere));
        }
        assertEquals(-0x1000 + 0x70, index.highestEnd());
    }
}
