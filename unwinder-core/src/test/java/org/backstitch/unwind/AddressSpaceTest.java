package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Mappings that take the place of others, against an array that says of each page what is mapped there. */
class AddressSpaceTest {
    private static final int PAGES = 64;
    private static final long PAGE = 0x1000;

    /** A page: the mapping it was made by, and where in that mapping's file it is. */
    private record Page(String path, long fileOffset) {}

    private static Mapping mapping(long start, long end, long fileOffset, String path) {
        return new Mapping(start, end, fileOffset, true, path, null);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 0x7fff_ffff_ffff_0000L, -PAGES * PAGE})
    void laterMappingsTakeThePlaceOfEarlierOnes(long base) {
        Random random = new Random(base);
        @Nullable Page[] pages = new @Nullable Page[PAGES];
        AddressSpace space = AddressSpace.EMPTY;
        for (int round = 0; round < 300; round++) {
            List<Mapping> added = new ArrayList<>();
            for (int i = random.nextInt(4); i >= 0; i--) {
                int from = random.nextInt(PAGES - 1); // the last page stays free, for its end has no address
                int to = from + 1 + random.nextInt(Math.min(PAGES - 1 - from, 1 + random.nextInt(16)));
                String path = "/" + round + "." + i;
                added.add(mapping(base + from * PAGE, base + to * PAGE, 7 * (from * PAGE), path));
                for (int page = from; page < to; page++) {
                    pages[page] = new Page(path, 7 * (from * PAGE) + (page - from) * PAGE);
                }
            }
            space = space.with(added);
            check(space, base, pages);
        }
    }

    private static void check(AddressSpace space, long base, @Nullable Page[] pages) {
        for (int page = 0; page < PAGES; page++) {
            Page expected = pages[page];
            for (long address : new long[] {base + page * PAGE, base + page * PAGE + PAGE - 1}) {
                Mapping found = space.find(address);
                if (expected == null) {
                    assertNull(found);
                } else {
                    assertNotNull(found);
                    assertEquals(expected.path, found.path());
                    assertEquals(expected.fileOffset, found.fileOffset() + (base + page * PAGE - found.start()));
                }
            }
        }
        List<Mapping> mappings = space.mappings();
        for (int i = 1; i < mappings.size(); i++) {
            assertTrue(
                    Long.compareUnsigned(
                                    mappings.get(i - 1).end(), mappings.get(i).start())
                            <= 0,
                    "in order, and none over another");
        }
    }

    @Test
    void aMappingInsideOfAnotherLeavesAPieceOnEitherSide() {
        Mapping whole = mapping(0x1000, 0x9000, 0, "/whole");
        Mapping inner = mapping(0x3000, 0x5000, 0, "/inner");
        AddressSpace space = AddressSpace.of(List.of(whole, inner));
        assertEquals(
                List.of("1000-3000 0 /whole", "3000-5000 0 /inner", "5000-9000 4000 /whole"),
                space.mappings().stream()
                        .map(mapping -> "%x-%x %x %s"
                                .formatted(mapping.start(), mapping.end(), mapping.fileOffset(), mapping.path()))
                        .toList());
        assertSame(inner, space.find(0x4fff));
        assertEquals(List.of(whole), space.with(whole).mappings());
    }
}
