package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.image.ElfImage;

/** Doors into ELF files: compressed ones, kernel images, packages and archives. */
class ImageFuzz {
    private static final long LIMIT = 1 << 22;

    @FuzzTest
    void image(byte[] data) {
        run(data);
    }

    static void run(byte[] data) {
        for (Optional<String> member : java.util.List.of(Optional.<String>empty(), Optional.of("vmlinux"))) {
            assertEquals(read(data, member), read(data, member), "what is read twice is equal");
        }
    }

    private static String read(byte[] data, Optional<String> member) {
        try {
            ElfImage image = ElfImage.open(Bytes.of(data, "input"), member, LIMIT);
            assertTrue(image.elf().bytes().size() <= Math.max(LIMIT, data.length), "larger than the bound");
            return image.kernelRelease() + " " + image.elf().sections().size();
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            return String.valueOf(e.getMessage());
        }
    }
}
