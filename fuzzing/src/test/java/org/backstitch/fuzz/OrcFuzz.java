package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.orc.KernelRelease;
import org.backstitch.elf.orc.OrcFormat;
import org.backstitch.elf.orc.OrcTable;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.UnwindTable;

/** ORC tables: entries of every version, their addresses, and the table that they are compiled to. */
class OrcFuzz {
    private static final long ADDRESS = 0xffff_ffff_8200_0000L;

    @FuzzTest
    void orc(byte[] data) {
        run(data);
    }

    /** The first byte says which version the rest is read as; 0 that it is to be found out, by the release in the second. */
    static void run(byte[] data) {
        if (data.length < 2) {
            return;
        }
        byte[] rest = Arrays.copyOfRange(data, 2, data.length);
        int rows = rest.length / 10;
        Bytes ips = Bytes.of(rest, "ips").slice(0, rows * 4L);
        Bytes entries = Bytes.of(rest, "entries").slice(rows * 4L, rows * 6L);
        OrcTable table;
        try {
            if (data[0] == 0) {
                KernelRelease release = new KernelRelease(4 + (data[1] & 3), data[1] >>> 2 & 31);
                Bytes header = (data[1] & 0x80) == 0 ? null : Bytes.of(rest, "header");
                table = OrcTable.read(entries, ips, ADDRESS, header, release);
            } else {
                OrcFormat[] formats = OrcFormat.values();
                table = OrcTable.read(entries, ips, ADDRESS, formats[(data[0] & 0xff) % formats.length]);
            }
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            return;
        }
        assertTrue(table.size() <= rows);
        UnwindTable compiled = OrcCompiler.compile(table, table.size() == 0 ? 0 : table.address(table.size() - 1) + 16);
        for (int row = 0; row < table.size(); row++) {
            long address = table.address(row);
            assertTrue(row == 0 || Long.compareUnsigned(table.address(row - 1), address) <= 0, "rows in order");
            int last = table.find(address);
            assertTrue(last >= row && table.address(last) == address, "the last row of an address");
            assertEquals(OrcCompiler.rule(table.entry(last)), compiled.rule(address));
            assertTrue(table.entry(row).toString().length() > 3);
        }
    }
}
