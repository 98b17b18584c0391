package org.backstitch.dump;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.junit.jupiter.api.Test;

class ExtentMapTest {
    private static Bytes filled(int size, int value) {
        byte[] bytes = new byte[size];
        java.util.Arrays.fill(bytes, (byte) value);
        return Bytes.of(bytes, "test");
    }

    private static int at(ExtentMap map, long address) {
        Extent extent = map.at(address);
        return extent == null ? -1 : extent.bytes().u8(address - extent.address());
    }

    @Test
    void whatIsAddedBehindFillsOnlyGaps() {
        ExtentMap map = new ExtentMap.Builder()
                .addBehind(100, filled(10, 1))
                .addBehind(120, filled(10, 2))
                .addBehind(95, filled(40, 3))
                .build();
        assertEquals(-1, at(map, 94));
        assertEquals(3, at(map, 95));
        assertEquals(1, at(map, 100));
        assertEquals(1, at(map, 109));
        assertEquals(3, at(map, 110));
        assertEquals(2, at(map, 120));
        assertEquals(3, at(map, 134));
        assertEquals(-1, at(map, 135));
        assertEquals(5, map.extents().size());
    }

    @Test
    void whatIsAddedOverReplaces() {
        ExtentMap map = new ExtentMap.Builder()
                .addOver(100, filled(30, 1))
                .addOver(110, filled(5, 2))
                .addOver(90, filled(15, 3))
                .addOver(125, filled(10, 4))
                .build();
        assertEquals(3, at(map, 104));
        assertEquals(1, at(map, 105));
        assertEquals(2, at(map, 110));
        assertEquals(2, at(map, 114));
        assertEquals(1, at(map, 115));
        assertEquals(4, at(map, 125));
        assertEquals(4, at(map, 134));
        assertEquals(-1, at(map, 135));
    }

    @Test
    void theEndOfTheAddressSpaceIsAnEnd() {
        ExtentMap map = new ExtentMap.Builder()
                .addBehind(-16, filled(8, 1))
                .addBehind(-32, filled(100, 2))
                .build();
        assertEquals(2, at(map, -32));
        assertEquals(1, at(map, -16));
        assertEquals(1, at(map, -9));
        assertEquals(2, at(map, -8));
        assertEquals(2, at(map, -1));
        assertEquals(-1, at(map, 0));
        assertNull(map.above(-1));
    }

    @Test
    void extentsKnowWhatTheyContain() {
        Extent extent = new Extent(0xffff_8880_0000_0000L, filled(4096, 7));
        assertTrue(extent.contains(0xffff_8880_0000_0ff8L, 8));
        assertFalse(extent.contains(0xffff_8880_0000_0ff9L, 8));
        assertFalse(extent.contains(0xffff_887f_ffff_ffffL, 1));
        Extent part = extent.part(0xffff_8880_0000_0f00L, 1 << 20);
        assertEquals(0xffff_8880_0000_0f00L, part.address());
        assertEquals(0x100, part.size());
    }

    /** Against an array in which every byte is written one by one. */
    @Test
    void manyOverlappingPiecesAgreeWithAnArray() {
        Random random = new Random(1);
        for (int round = 0; round < 200; round++) {
            int[] expected = new int[300];
            java.util.Arrays.fill(expected, -1);
            ExtentMap.Builder builder = new ExtentMap.Builder();
            for (int i = 1; i <= 20; i++) {
                int start = random.nextInt(250);
                int size = random.nextInt(50);
                boolean over = random.nextBoolean();
                if (over) {
                    builder.addOver(start, filled(size, i));
                } else {
                    builder.addBehind(start, filled(size, i));
                }
                for (int j = start; j < start + size; j++) {
                    expected[j] = over || expected[j] < 0 ? i : expected[j];
                }
            }
            ExtentMap map = builder.build();
            for (int address = 0; address < expected.length; address++) {
                assertEquals(expected[address], at(map, address), "round " + round + ", address " + address);
            }
            for (Extent extent : map.extents()) {
                assertNotNull(map.at(extent.address() + extent.size() - 1));
            }
        }
    }

    /** Half of the headers describe a piece each, the other half all of them again: each costs what it adds. */
    @Test
    void describingTheSameMemoryOverAndOverIsCheap() {
        int pieces = 30_000;
        Bytes all = filled(3 * pieces, 7);
        ExtentMap map = assertTimeout(Duration.ofSeconds(10), () -> {
            ExtentMap.Builder builder = new ExtentMap.Builder();
            for (int i = 0; i < pieces; i++) {
                builder.addBehind(3L * i, filled(1, 1));
            }
            for (int i = 0; i < pieces; i++) {
                builder.addBehind(0, all);
            }
            return builder.build();
        });
        assertEquals(2 * pieces, map.extents().size());
        assertEquals(1, at(map, 3L * pieces - 3));
        assertEquals(7, at(map, 3L * pieces - 1));
    }
}
