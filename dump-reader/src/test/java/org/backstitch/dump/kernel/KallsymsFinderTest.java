package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.ExtentMap;
import org.backstitch.fixtures.KallsymsImage;
import org.backstitch.fixtures.KallsymsImage.Addresses;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables that nobody points to, written in the order of {@code scripts/kallsyms.c} before 6.0; a real kernel's are in {@link KernelDumpTest}. */
class KallsymsFinderTest {
    private static final long AT = 0xffff_ffff_8250_0000L;
    private static final int BEFORE = 4090;

    private static KallsymsImage image(Addresses layout, int symbols) {
        KallsymsImage image = new KallsymsImage(AT + BEFORE + 6, layout);
        for (int i = 0; i < symbols; i++) {
            image.symbol(0xffff_ffff_8100_0000L + 16L * i, 't', "function_" + i);
        }
        return image;
    }

    /** The tables between other bytes, which hold digits of their own. */
    private static KernelMemory memory(byte[] tables) {
        byte[] all = new byte[BEFORE + 6 + tables.length + 4096];
        Arrays.fill(all, (byte) 0xcc);
        byte[] decoy = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0".getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(decoy, 0, all, 100, decoy.length);
        System.arraycopy(tables, 0, all, BEFORE + 6, tables.length);
        return new KernelMemory(
                paddr -> null,
                null,
                new ExtentMap.Builder().addBehind(AT, Bytes.of(all, "memory")).build());
    }

    @ParameterizedTest
    @CsvSource({
        "RELATIVE,4,1000",
        "RELATIVE,8,1000",
        "RELATIVE_WITH_ABSOLUTE,4,256",
        "RELATIVE_WITH_ABSOLUTE,4,257",
        "RELATIVE,4,512",
        "ABSOLUTE,8,3001",
        "ABSOLUTE,4,770",
    })
    void tablesAreFoundByTheirContents(Addresses layout, int markerSize, int symbols) {
        KallsymsImage image = image(layout, symbols);
        KernelMemory memory = memory(image.oldBytes(markerSize));
        SymbolAddresses found = KallsymsFinder.find(memory);
        if (symbols <= 256) {
            assertNull(found, "one marker alone is no proof");
            return;
        }
        assertNotNull(found);
        image.places().forEach((name, place) -> {
            if (!name.equals("kallsyms_markers")) {
                assertEquals(OptionalLong.of(place), found.address(name), name);
            }
        });
        KallsymsTables tables = KallsymsTables.read(memory, found, "test");
        assertNotNull(tables);
        assertEquals(symbols, tables.size());
        for (int i = 0; i < symbols; i++) {
            assertEquals("function_" + i, tables.name(i));
            assertEquals(0xffff_ffff_8100_0000L + 16L * i, tables.address(i));
        }
    }

    @Test
    void damagedTablesAreFoundOrNot() {
        byte[] good = image(Addresses.RELATIVE, 600).oldBytes(4);
        Random random = new Random(6);
        int found = 0;
        for (int round = 0; round < 500; round++) {
            byte[] bytes = good.clone();
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            KernelMemory memory = memory(bytes);
            SymbolAddresses places = KallsymsFinder.find(memory);
            if (places != null) {
                assertNotNull(KallsymsTables.read(memory, places, "test"));
                found++;
            }
        }
        assertTrue(found > 100, "still found: " + found);
        assertNull(KallsymsFinder.find(memory(Arrays.copyOf(good, good.length - 8))), "without the end of the index");
    }
}
