package org.backstitch.elf.orc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class OrcTableTest {
    private static final long IPS_ADDRESS = 0xffff_ffff_c009_7000L;
    private static final long TEXT = 0xffff_ffff_c000_0000L;

    /** Rows to be laid out as the kernel does: two arrays, addresses relative to where they lie. */
    private static final class Rows {
        private final List<Long> addresses = new ArrayList<>();
        private final StringBuilder entries = new StringBuilder();

        Rows add(long address, String entry) {
            addresses.add(address);
            entries.append(entry.replace(" ", ""));
            return this;
        }

        Bytes ips() {
            ByteBuffer buffer = ByteBuffer.allocate(addresses.size() * 4).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < addresses.size(); i++) {
                buffer.putInt((int) (addresses.get(i) - (IPS_ADDRESS + 4L * i)));
            }
            return Bytes.of(buffer.array(), "ips");
        }

        Bytes unwind() {
            return Bytes.of(HexFormat.of().parseHex(entries), "unwind");
        }

        OrcTable read(OrcFormat format) {
            return OrcTable.read(unwind(), ips(), IPS_ADDRESS, format);
        }

        OrcTable detect(@Nullable KernelRelease release) {
            return OrcTable.read(unwind(), ips(), IPS_ADDRESS, null, release);
        }
    }

    private static List<String> lines(OrcTable table) {
        StringBuilder text = new StringBuilder();
        assertTrue(tryWrite(table, text));
        return text.toString().lines().toList();
    }

    private static boolean tryWrite(OrcTable table, StringBuilder text) {
        try {
            OrcText.write(table, text);
            return true;
        } catch (java.io.IOException e) {
            return false;
        }
    }

    @Test
    void rowsComeSortedAndWeakTerminatorsLose() {
        // A module's table: .init.text was written first; at TEXT + 0x40, .text's terminator meets .text.unlikely's
        // first row.
        OrcTable table = new Rows()
                .add(TEXT + 0x1000, "0800 0000 0502")
                .add(TEXT + 0x1010, "0000 0000 0000")
                .add(TEXT + 0x40, "1000 0000 0502")
                .add(TEXT, "0800 0000 0502")
                .add(TEXT + 0x40, "0000 0000 0000")
                .add(TEXT + 0x50, "0000 0000 0001")
                .read(OrcFormat.LINUX_6_4);
        assertEquals(
                List.of(
                        "ffffffffc0000000 type:call sp:sp+8 bp:(und) signal:0",
                        "ffffffffc0000040 type:(und) sp:(und) bp:(und) signal:0",
                        "ffffffffc0000040 type:call sp:sp+16 bp:(und) signal:0",
                        "ffffffffc0000050 type:end sp:(und) bp:(und) signal:0",
                        "ffffffffc0001000 type:call sp:sp+8 bp:(und) signal:0",
                        "ffffffffc0001010 type:(und) sp:(und) bp:(und) signal:0"),
                lines(table));
        assertEquals(-1, table.find(TEXT - 1));
        assertEquals(0, table.find(TEXT));
        assertEquals(0, table.find(TEXT + 0x3f));
        assertEquals(16, table.entry(table.find(TEXT + 0x40)).spOffset());
        assertEquals(OrcType.END_OF_STACK, table.entry(table.find(TEXT + 0xfff)).type());
        assertEquals(5, table.find(-1));
        assertFalse(table.isRelocatable());
        assertThrows(IllegalStateException.class, () -> table.sectionName(0));
    }

    @Test
    void aTableWithoutRows() {
        OrcTable table = new Rows().detect(null);
        assertEquals(0, table.size());
        assertEquals(-1, table.find(TEXT));
    }

    @Test
    void arraysOfDifferentLengthsAreRefused() {
        Rows rows = new Rows().add(TEXT, "0800 0000 0502").add(TEXT + 8, "0000 0000 0000");
        Bytes unwind = rows.unwind();
        Bytes ips = rows.ips();
        for (long cut = 1; cut < 6; cut++) {
            Bytes shorter = unwind.slice(0, unwind.size() - cut);
            assertThrows(
                    MalformedInputException.class, () -> OrcTable.read(shorter, ips, IPS_ADDRESS, OrcFormat.LINUX_6_4));
        }
        assertThrows(
                MalformedInputException.class,
                () -> OrcTable.read(unwind, ips.slice(0, 4), IPS_ADDRESS, OrcFormat.LINUX_6_4));
        assertThrows(
                MalformedInputException.class,
                () -> OrcTable.read(unwind, ips.slice(0, 7), IPS_ADDRESS, OrcFormat.LINUX_6_4));
    }

    @Test
    void entriesThatTheFormatDoesNotAllowAreCountedAndSayNothing() {
        OrcTable table = new Rows()
                .add(TEXT, "0800 0000 0502")
                .add(TEXT + 1, "0800 0000 0f02")
                .add(TEXT + 2, "0800 0000 0507")
                .add(TEXT + 3, "0800 0000 0f02")
                .read(OrcFormat.LINUX_6_4);
        assertEquals(3, table.invalidRows());
        assertEquals(OrcEntry.UNDEFINED, table.entry(table.find(TEXT + 2)));
    }

    @Test
    void addressesFartherApartThanKernelTextAreRefused() {
        Rows rows = new Rows().add(TEXT, "0800 0000 0502");
        byte[] ips = new byte[8];
        ByteBuffer.wrap(ips)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(Integer.MIN_VALUE)
                .putInt(Integer.MAX_VALUE);
        Bytes unwind = Bytes.of(new byte[12], "unwind");
        assertThrows(
                MalformedInputException.class,
                () -> OrcTable.read(unwind, Bytes.of(ips, "ips"), IPS_ADDRESS, OrcFormat.LINUX_6_4));
        assertEquals(1, rows.read(OrcFormat.LINUX_6_4).size());
    }

    private static final KernelRelease RHEL_9 = new KernelRelease(5, 14);

    @Test
    void aReleaseIsBelievedOnlyIfTheTableBearsItOut() {
        // RHEL 9.6 calls itself 5.14, but its entries are of version 3.
        Rows three = new Rows().add(TEXT, "0800 0000 0502").add(TEXT + 4, "0000 0000 0000");
        assertEquals(OrcFormat.LINUX_6_4, three.detect(RHEL_9).format());
        // RHEL 9.0 calls itself 5.14 and is.
        Rows one = new Rows().add(TEXT, "0800 0000 0500").add(TEXT + 4, "0000 0000 0000");
        assertEquals(OrcFormat.LINUX_5_12, one.detect(RHEL_9).format());
        assertEquals(OrcFormat.LINUX_4_14, one.detect(new KernelRelease(4, 18)).format());
    }

    @Test
    void aTableThatReadsAlikeInSeveralFormatsNeedsNoDecision() {
        // Calls and undefined code only: versions 1 and 2 say the same.
        Rows module = new Rows().add(TEXT, "0800 0000 0500").add(TEXT + 4, "0000 0000 0000");
        assertEquals(
                "type:call sp:sp+8 bp:(und) signal:0",
                module.detect(null).entry(0).toString());
    }

    @Test
    void aTableThatCouldMeanTwoThingsIsRefused() {
        // REGS without bit 10: interrupted in version 1, not in version 2.
        Rows ambiguous = new Rows()
                .add(TEXT, "0800 0000 0500")
                .add(TEXT + 4, "1000 0000 0500")
                .add(TEXT + 8, "0000 0000 0501")
                .add(TEXT + 12, "0000 0000 0000");
        MalformedInputException refusal = assertThrows(MalformedInputException.class, () -> ambiguous.detect(null));
        assertTrue(refusal.reason().contains("release is needed"), refusal.reason());
        assertTrue(ambiguous.detect(new KernelRelease(6, 1)).entry(2).signal());
        assertFalse(ambiguous.detect(new KernelRelease(6, 3)).entry(2).signal());
    }

    @Test
    void theEndBitTellsVersionsOneAndTwoApart() {
        Rows one = new Rows().add(TEXT, "0800 0000 0500").add(TEXT + 4, "0000 0000 0004");
        assertEquals(OrcFormat.LINUX_5_12, one.detect(null).format());
        Rows two = new Rows().add(TEXT, "0800 0000 0500").add(TEXT + 4, "0000 0000 0008");
        assertEquals(OrcFormat.LINUX_6_3, two.detect(null).format());
    }

    @Test
    void theKindOfFrameTellsTheMeaningsOfSpIndirectApart() {
        // A call on the IRQ stack, as objtool sees it since 5.12; registers below the IRQ stack, as entry code said
        // before.
        String[] tail = {"0800 0000 0500", "1000 0000 0500", "0000 0000 0004"};
        Rows call = new Rows().add(TEXT, "1000 0000 0900");
        Rows registers = new Rows().add(TEXT, "1000 0000 0901");
        for (int i = 0; i < tail.length; i++) {
            call.add(TEXT + 4 + i, tail[i]);
            registers.add(TEXT + 4 + i, tail[i]);
        }
        assertEquals(OrcFormat.LINUX_5_12, call.detect(null).format());
        assertEquals(OrcFormat.LINUX_4_14, registers.detect(null).format());
    }

    @Test
    void noiseIsNoTable() {
        Rows noise = new Rows().add(TEXT, "1234 5678 9abc").add(TEXT + 1, "ffff ffff ffff");
        MalformedInputException refusal = assertThrows(MalformedInputException.class, () -> noise.detect(null));
        assertTrue(refusal.reason().contains("not an ORC table"), refusal.reason());
        assertThrows(MalformedInputException.class, () -> noise.detect(new KernelRelease(6, 12)));
    }
}
