package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.OptionalLong;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.ExtentMap;
import org.backstitch.fixtures.KallsymsImage;
import org.backstitch.fixtures.KallsymsImage.Addresses;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tables written from the description of their layout; those of a real kernel are decoded in {@link KernelDumpTest}. */
class KallsymsTablesTest {
    private static final long AT = 0xffff_ffff_8250_0000L;
    private static final String LONG_NAME = "_RNv" + "x".repeat(300);

    private static KallsymsImage image(Addresses layout) {
        KallsymsImage image = new KallsymsImage(AT, layout);
        if (layout == Addresses.RELATIVE_WITH_ABSOLUTE || layout == Addresses.ABSOLUTE) {
            image.symbol(0, 'A', "fixed_percpu_data").symbol(0x1fb80, 'A', "current_task");
        }
        return image.symbol(0xffff_ffff_8100_0000L, 'T', "_text")
                .symbol(0xffff_ffff_8100_0000L, 'T', "_stext")
                .symbol(0xffff_ffff_8110_0010L, 't', "__init_sys_page_er")
                .symbol(0xffff_ffff_8220_0000L, 'T', LONG_NAME)
                .symbol(0xffff_ffff_8443_0000L, 'B', "_end");
    }

    private static @Nullable KallsymsTables read(KallsymsImage image, byte[] bytes) {
        KernelMemory memory = new KernelMemory(
                paddr -> null,
                null,
                new ExtentMap.Builder().addBehind(AT, Bytes.of(bytes, "tables")).build());
        SymbolAddresses places =
                name -> image.places().containsKey(name) ? OptionalLong.of(image.place(name)) : OptionalLong.empty();
        return KallsymsTables.read(memory, places, "test");
    }

    @ParameterizedTest
    @EnumSource
    void everyLayoutOfAddresses(Addresses layout) {
        KallsymsImage image = image(layout);
        KallsymsTables tables = read(image, image.bytes());
        assertNotNull(tables);
        int first = tables.size() - 5;
        assertEquals("_text", tables.name(first));
        assertEquals(0xffff_ffff_8100_0000L, tables.address(first));
        assertEquals('t', tables.type(first + 2));
        assertEquals("__init_sys_page_er", tables.name(first + 2));
        assertEquals(OptionalLong.of(0xffff_ffff_8110_0010L), tables.address("__init_sys_page_er"));
        assertEquals(OptionalLong.of(0xffff_ffff_8220_0000L), tables.address(LONG_NAME));
        assertEquals(OptionalLong.of(0xffff_ffff_8443_0000L), tables.address("_end"));
        assertEquals(OptionalLong.empty(), tables.address("_en"));
        if (first > 0) {
            assertEquals(OptionalLong.of(0x1fb80), tables.address("current_task"));
        }
    }

    /** Everything that a hostile dump can do to the tables ends, and without more memory than the names take. */
    @Test
    void damagedTablesEnd() {
        Random random = new Random(4);
        for (int round = 0; round < 5000; round++) {
            KallsymsImage image = image(Addresses.RELATIVE);
            byte[] bytes = image.bytes();
            for (int i = 0; i < 3; i++) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            KallsymsTables tables = read(image, bytes);
            if (tables != null) {
                for (int i = 0; i < tables.size(); i++) {
                    assertNotNull(tables.name(i));
                }
            }
        }
    }

    @Test
    void tablesThatAreNotAllThereAreNone() {
        KallsymsImage image = image(Addresses.RELATIVE);
        byte[] bytes = image.bytes();
        assertNull(read(image, java.util.Arrays.copyOf(bytes, bytes.length - 1)), "the last offset");
        assertNull(read(image, java.util.Arrays.copyOf(bytes, 100)), "the names");
        assertNull(read(new KallsymsImage(AT, Addresses.RELATIVE), bytes), "nobody says where");
    }

    /** A token of half a kilobyte in every name, over and over: the names are cut, and their sum is bounded. */
    @Test
    void tokensThatExplodeAreCut() {
        KallsymsImage image = image(Addresses.RELATIVE);
        byte[] bytes = image.bytes();
        int tokens = (int) (image.place("kallsyms_token_table") - AT);
        int index = (int) (image.place("kallsyms_token_index") - AT);
        // All tokens begin at the first one, and the table has no terminator until its index.
        java.util.Arrays.fill(bytes, tokens, index, (byte) 'A');
        java.util.Arrays.fill(bytes, index, index + 512, (byte) 0);
        KallsymsTables tables = read(image, bytes);
        assertNotNull(tables);
        for (int i = 0; i < tables.size(); i++) {
            assertEquals(512, tables.name(i).length());
        }
    }
}
