package org.backstitch.recording;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrameIdsTest {
    private static final int HIGHEST_ID = (1 << 24) - 2;

    private final FrameIds ids = new FrameIds();

    @Test
    void nothingIsHeldAtFirst() {
        assertEquals(FrameIds.NONE, ids.find(0));
        assertEquals(FrameIds.NONE, ids.find(0xffff_ffff_8100_0000L));
    }

    /** The ends of what can be held, and what is just beyond. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1, (1L << 39) - 1, -1, -1L << 39, 0xffff_ffff_8100_0000L})
    void addressesThatAreHeld(long address) {
        ids.add(address, HIGHEST_ID);
        assertEquals(HIGHEST_ID, ids.find(address));
        // What has the same lowest 40 bits.
        assertEquals(FrameIds.NONE, ids.find(address ^ 1L << 40));
        assertEquals(FrameIds.NONE, ids.find(address ^ 1L << 63));
    }

    @ParameterizedTest
    @ValueSource(longs = {1L << 39, (-1L << 39) - 1, 1L << 40, Long.MIN_VALUE, Long.MAX_VALUE})
    void addressesThatCannotBeHeld(long address) {
        ids.add(address, 7);
        assertEquals(FrameIds.NONE, ids.find(address));
        assertEquals(FrameIds.NONE, ids.find(address << 24 >> 24));
    }

    @Test
    void idsThatCannotBeHeld() {
        ids.add(0x1000, HIGHEST_ID + 1);
        ids.add(0x2000, Integer.MAX_VALUE);
        assertEquals(FrameIds.NONE, ids.find(0x1000));
        assertEquals(FrameIds.NONE, ids.find(0x2000));
    }

    /** Byte for byte, line for line, and anywhere. */
    @ParameterizedTest
    @ValueSource(ints = {1, 64, 1 << 16})
    void sameAsAMap(int apart) {
        Random random = new Random(apart);
        Map<Long, Integer> expected = new HashMap<>();
        for (int id = 0; id < 20_000; id++) {
            long address = (long) random.nextInt(40_000) * apart - (random.nextBoolean() ? 1L << 31 : 0);
            Integer known = expected.putIfAbsent(address, id);
            assertEquals(known == null ? FrameIds.NONE : known, ids.find(address));
            if (known == null) {
                ids.add(address, id);
            }
        }
        expected.forEach((address, id) -> assertEquals(id, ids.find(address)));
    }
}
