package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.Extent;
import org.backstitch.dump.ExtentMap;
import org.backstitch.unwind.machine.Memory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PageTablesTest {
    private static final long PRESENT = 1;
    private static final long HUGE = 1 << 7;
    private static final long NO_EXECUTE = 1L << 63;

    /** Physical memory of pages that are made when they are first written. */
    private static final class Machine implements PhysicalMemory {
        private final Map<Long, byte[]> pages = new HashMap<>();

        Machine put(long paddr, long value) {
            byte[] page = pages.computeIfAbsent(paddr & -4096, key -> new byte[4096]);
            ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN).putLong((int) paddr & 4095, value);
            return this;
        }

        @Override
        public @Nullable Extent at(long paddr) {
            byte[] page = pages.get(paddr & -4096);
            return page == null ? null : new Extent(paddr & -4096, Bytes.of(page, "page"));
        }
    }

    private static PageTables.Page page(PageTables tables, long address) {
        return assertInstanceOf(PageTables.Page.class, tables.translate(address));
    }

    /** 0xffff8880_12345678 by 9 bits each: 273, 0, 145, 325, and 0x678 in the page. */
    @Test
    void fourLevels() {
        Machine machine = new Machine()
                .put(0x1000 + 8 * 273, 0x2000 | PRESENT)
                .put(0x2000, 0x3000 | PRESENT)
                .put(0x3000 + 8 * 145, 0x4000 | PRESENT)
                .put(0x4000 + 8 * 325, 0x000a_bcde_f000L | PRESENT | NO_EXECUTE);
        PageTables tables = new PageTables(machine, 0x1000, 4, 0);
        assertTrue(tables.isReadable());
        assertEquals(1, tables.kernelEntries());
        assertEquals(
                new PageTables.Page(0xffff_8880_1234_5000L, 0x000a_bcde_f000L, 4096),
                page(tables, 0xffff_8880_1234_5678L));
        assertInstanceOf(PageTables.NotMapped.class, tables.translate(0xffff_8880_1234_4678L));
        assertInstanceOf(PageTables.NotMapped.class, tables.translate(0x0000_8880_1234_5678L), "not canonical");
    }

    /** The bits of CR3 beside the address are ignored, and so are those that mark encrypted memory. */
    @Test
    void rootAndEntriesAreMasked() {
        long encrypted = 1L << 47;
        Machine machine = new Machine()
                .put(0x1000, 0x2000 | PRESENT | encrypted)
                .put(0x2000, 0x3000 | PRESENT | encrypted)
                .put(0x3000, 0x4000 | PRESENT | encrypted)
                .put(0x4000 + 8, 0x5000 | PRESENT | encrypted);
        PageTables tables = new PageTables(machine, 0x1000 | encrypted | 0xfff, 4, encrypted);
        assertEquals(0x5000, page(tables, 0x1000).paddr());
    }

    /** 0xff11_0000_4030_2010: 273 on the fifth level, 0, 1, 1, 258. */
    @Test
    void fiveLevels() {
        long address = 0xff11_0000_4030_2010L;
        Machine machine = new Machine()
                .put(0x1000 + 8 * (address >>> 48 & 511), 0x2000 | PRESENT)
                .put(0x2000 + 8 * (address >>> 39 & 511), 0x3000 | PRESENT)
                .put(0x3000 + 8 * (address >>> 30 & 511), 0x4000 | PRESENT)
                .put(0x4000 + 8 * (address >>> 21 & 511), 0x5000 | PRESENT)
                .put(0x5000 + 8 * (address >>> 12 & 511), 0x6000 | PRESENT);
        assertEquals(
                new PageTables.Page(address & -4096, 0x6000, 4096),
                page(new PageTables(machine, 0x1000, 5, 0), address));
        assertInstanceOf(
                PageTables.NotMapped.class,
                new PageTables(machine, 0x1000, 4, 0).translate(address),
                "not canonical with four levels");
    }

    /** A huge page's address begins above its memory type (bit 12). */
    @Test
    void hugePages() {
        Machine machine = new Machine()
                .put(0x1000 + 8 * 511, 0x2000 | PRESENT)
                .put(0x2000 + 8 * 510, 0x3000 | PRESENT)
                .put(0x2000 + 8 * 509, 0x4000_0000L | PRESENT | HUGE | 1 << 12)
                .put(0x3000 + 8 * 8, 0x60_0000L | PRESENT | HUGE | 1 << 12);
        PageTables tables = new PageTables(machine, 0x1000, 4, 0);
        assertEquals(
                new PageTables.Page(0xffff_ffff_8100_0000L, 0x60_0000, 1 << 21), page(tables, 0xffff_ffff_8112_3456L));
        assertEquals(
                new PageTables.Page(0xffff_ffff_4000_0000L, 0x4000_0000, 1 << 30),
                page(tables, 0xffff_ffff_7fff_ffffL));
    }

    @Test
    void missingTablesAreToldFromMissingPages() {
        Machine machine = new Machine().put(0x1000, 0x2000 | PRESENT);
        PageTables tables = new PageTables(machine, 0x1000, 4, 0);
        assertInstanceOf(PageTables.TableMissing.class, tables.translate(0));
        assertInstanceOf(PageTables.NotMapped.class, tables.translate(1L << 39));
        assertFalse(new PageTables(machine, 0x9000, 4, 0).isReadable());
    }

    /** The table is its own entry: a walk reads it five times and ends with a page, itself. */
    @Test
    void tablesThatPointToThemselvesEnd() {
        Machine machine = new Machine();
        for (int i = 0; i < 512; i++) {
            machine.put(0x1000 + 8 * i, 0x1000 | PRESENT);
        }
        PageTables tables = new PageTables(machine, 0x1000, 5, 0);
        assertEquals(0x1000, page(tables, 0xff11_2233_4455_6677L).paddr());
    }

    /** Virtual memory reads across pages that lie apart, and says why it cannot read others. */
    @Test
    void memoryOverPageTables() {
        Machine machine = new Machine()
                .put(0x1000 + 8 * 256, 0x2000 | PRESENT)
                .put(0x2000, 0x3000 | PRESENT)
                .put(0x3000, 0x4000 | PRESENT)
                .put(0x4000, 0x8000 | PRESENT)
                .put(0x4008, 0x6000 | PRESENT)
                .put(0x4010, 0x7000 | PRESENT)
                .put(0x8ff8, 0x1122_3344_5566_7788L)
                .put(0x6000, 0x99aa_bbcc_ddee_ff00L);
        long base = 0xffff_8000_0000_0000L;
        KernelMemory memory = new KernelMemory(machine, new PageTables(machine, 0x1000, 4, 0), ExtentMap.EMPTY);
        assertTrue(memory.isReadable(base + 0xffc, 8));
        assertEquals(0xddee_ff00_1122_3344L, memory.readLong(base + 0xffc));
        assertEquals(0x88, memory.readByte(base + 0xff8));
        assertEquals(0x5566_7788, memory.readInt(base + 0xff8));
        assertFalse(memory.isReadable(base + 0x1ffc, 8), "the third page is mapped, but not in the dump");
        assertEquals(Memory.Absence.NOT_RECORDED, memory.absence(base + 0x1ffc));
        assertEquals(Memory.Absence.NOT_MAPPED, memory.absence(base + 0x3000));
        Bytes across = memory.bytes(base + 0xff8, 16, "both");
        assertEquals(0x99aa_bbcc_ddee_ff00L, across == null ? 0 : across.i64(8));
        assertEquals(null, memory.bytes(base + 0xff8, 0x2000, "too much"));
        assertEquals(null, memory.bytes(base, Long.MAX_VALUE, "far too much"));
    }

    /** What only the dump's own virtual addresses know is read from there. */
    @Test
    void memoryOverVirtualSegments() {
        byte[] bytes = {1, 2, 3, 4, 5, 6, 7, 8};
        ExtentMap segments = new ExtentMap.Builder()
                .addBehind(0xffff_ffff_8100_0000L, Bytes.of(bytes, "text"))
                .build();
        KernelMemory memory = new KernelMemory(paddr -> null, null, segments);
        assertEquals(0x0807_0605_0403_0201L, memory.readLong(0xffff_ffff_8100_0000L));
        assertEquals(Memory.Absence.NOT_RECORDED, memory.absence(0xffff_ffff_8100_0004L));
        assertEquals("\u0001\u0002", memory.readString(0xffff_ffff_8100_0000L, 2));
        assertEquals(8, memory.readString(0xffff_ffff_8100_0000L, 100).length());
    }
}
