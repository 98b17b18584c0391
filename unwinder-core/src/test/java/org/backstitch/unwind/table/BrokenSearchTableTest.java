package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.ObjIntConsumer;
import java.util.stream.Stream;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever the linker's search table says, the rules of a file are those that its entries give. */
class BrokenSearchTableTest {
    private static final int HEAD = 12;
    private static final int PAIR = 8;

    record Damage(String what, ObjIntConsumer<ByteBuffer> by) {
        @Override
        public String toString() {
            return what;
        }
    }

    static Stream<Damage> damages() {
        return Stream.of(
                new Damage("nothing", (_, _) -> {}),
                new Damage("one pair less", (file, table) -> file.putInt(table + 8, file.getInt(table + 8) - 1)),
                new Damage("no table", (file, table) -> file.put(table + 3, (byte) 0xff)),
                new Damage("two pairs in turns", (file, table) -> {
                    int at = table + HEAD + 20 * PAIR;
                    long first = file.getLong(at);
                    file.putLong(at, file.getLong(at + PAIR)).putLong(at + PAIR, first);
                }),
                new Damage("a pair twice", (file, table) -> {
                    int at = table + HEAD + 20 * PAIR;
                    file.putLong(at, file.getLong(at + PAIR));
                }),
                new Damage("a pair that leads nowhere", (file, table) -> {
                    int at = table + HEAD + 20 * PAIR;
                    file.putInt(at + Integer.BYTES, 0x7000_0000);
                }),
                new Damage("a pair that leads into an entry", (file, table) -> {
                    int at = table + HEAD + 20 * PAIR + Integer.BYTES;
                    file.putInt(at, file.getInt(at) + 4);
                }));
    }

    private static ElfFile elf(byte[] file) {
        return ElfFile.of(Bytes.of(file, "libjava.so"));
    }

    @ParameterizedTest
    @MethodSource("damages")
    void rulesAreThoseOfTheEntries(Damage damage) throws IOException {
        Path library = Path.of(System.getProperty("java.home"), "lib", "libjava.so");
        byte[] bytes = Files.readAllBytes(library);
        byte[] damaged = bytes.clone();
        ElfFile elf = elf(bytes);
        ElfSection table = elf.section(".eh_frame_hdr").orElseThrow();
        damage.by.accept(ByteBuffer.wrap(damaged).order(ByteOrder.LITTLE_ENDIAN), (int) table.fileOffset());
        CfiUnwindInfo info = CfiUnwindInfo.of(elf(damaged));
        UnwindTable compiled = info.compile();
        CfiUnwindInfo lazy = CfiUnwindInfo.of(elf); // interprets the one entry that covers an address
        ElfSection text = elf.section(".text").orElseThrow();
        CfiUnwindInfo damagedLazy = CfiUnwindInfo.of(elf(damaged));
        Random random = new Random(1);
        int covered = 0;
        for (long vaddr = text.address(); vaddr < text.address() + text.size() && covered < 3000; vaddr += 5) {
            int expected = lazy.find(vaddr);
            int actual = compiled.find(vaddr);
            assertEquals(lazy.dictionary().rule(expected), info.dictionary().rule(actual));
            assertEquals(lazy.dictionary().saved(expected), info.dictionary().saved(actual));
            // By entries, too, and by the rows that others were found in before.
            long near = vaddr + random.nextInt(-100, 100);
            int nearby = damagedLazy.find(near);
            assertEquals(
                    info.dictionary().rule(compiled.find(near)),
                    damagedLazy.dictionary().rule(nearby));
            assertEquals(
                    info.dictionary().saved(compiled.find(near)),
                    damagedLazy.dictionary().saved(nearby));
            covered += expected == 0 ? 0 : 1;
        }
        assertTrue(covered > 2000);
    }
}
