package org.backstitch.symbols;

import static org.backstitch.symbols.SmallElf.FUNC;
import static org.backstitch.symbols.SmallElf.GLOBAL;
import static org.backstitch.symbols.SmallElf.LOCAL;
import static org.backstitch.symbols.SmallElf.NOTYPE;
import static org.backstitch.symbols.SmallElf.OBJECT;
import static org.backstitch.symbols.SmallElf.UNIQUE;
import static org.backstitch.symbols.SmallElf.WEAK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.symbols.SmallElf.Symbol;
import org.junit.jupiter.api.Test;

class SymbolTableTest {
    private static String at(SymbolTable table, long vaddr) {
        int symbol = table.find(vaddr);
        return symbol == SymbolIndex.NONE
                ? "-"
                : table.name(symbol) + "+" + Long.toHexString(vaddr - table.start(symbol));
    }

    private static SymbolTable table(Symbol... symbols) {
        return SymbolTable.of(SmallElf.of(symbols));
    }

    @Test
    void bindingDecidesAmongThoseThatCover() {
        SymbolTable table = table(
                new Symbol("local", 0x1000, 0x100, LOCAL | FUNC),
                new Symbol("weak", 0x1010, 0x20, WEAK | FUNC),
                new Symbol("global", 0x1018, 0x8, GLOBAL | FUNC),
                new Symbol("unique", 0x1050, 0x10, UNIQUE | FUNC),
                new Symbol("inner_local", 0x1052, 0x2, LOCAL | FUNC));
        assertEquals("local+f", at(table, 0x100f));
        assertEquals("weak+0", at(table, 0x1010));
        assertEquals("global+0", at(table, 0x1018));
        assertEquals("weak+10", at(table, 0x1020));
        assertEquals("local+30", at(table, 0x1030));
        assertEquals("unique+2", at(table, 0x1052), "global before an inner local one");
        assertEquals("local+ff", at(table, 0x10ff));
        assertEquals("-", at(table, 0x1100));
        assertEquals("-", at(table, 0xfff));
    }

    @Test
    void theInnermostOfEqualBindingWins() {
        SymbolTable table = table(
                new Symbol("outer", 0x1000, 0x100, GLOBAL | FUNC),
                new Symbol("inner", 0x1020, 0x20, GLOBAL | FUNC),
                new Symbol("short", 0x1020, 0x10, GLOBAL | FUNC),
                new Symbol("data", 0x1080, 0x10, GLOBAL | OBJECT),
                new Symbol("code", 0x1080, 0x10, GLOBAL | FUNC),
                new Symbol("__alias", 0x1090, 0x10, GLOBAL | FUNC),
                new Symbol("alias", 0x1090, 0x10, GLOBAL | FUNC),
                new Symbol("second_alias", 0x1090, 0x10, GLOBAL | FUNC));
        assertEquals("short+f", at(table, 0x102f));
        assertEquals("inner+10", at(table, 0x1030));
        assertEquals("outer+40", at(table, 0x1040));
        assertEquals("code+0", at(table, 0x1080));
        assertEquals("alias+1", at(table, 0x1091));
    }

    @Test
    void labelsCountOnlyWhereNothingElseDoes() {
        SymbolTable table = table(
                new Symbol("label", 0x1000, 0, LOCAL | NOTYPE),
                new Symbol("function", 0x1010, 0x10, LOCAL | FUNC),
                new Symbol("inside", 0x1018, 0, GLOBAL | NOTYPE),
                new Symbol("after", 0x1030, 0, GLOBAL | NOTYPE),
                new Symbol("local_after", 0x1030, 0, LOCAL | NOTYPE),
                new Symbol("last", 0x1040, 0, LOCAL | NOTYPE));
        assertEquals("label+f", at(table, 0x100f));
        assertEquals("function+8", at(table, 0x1018));
        assertEquals("-", at(table, 0x1020), "the label inside belongs to the function that has ended");
        assertEquals("after+f", at(table, 0x103f));
        assertEquals("last+1", at(table, 0x1041));
        assertEquals("last+ffbf", at(table, 0x10fff), "to the end of the section");
        assertEquals("-", at(table, 0x11000));
    }

    @Test
    void namesAreWithoutVersions() {
        SymbolTable table = table(
                new Symbol("memcpy@@GLIBC_2.14", 0x1000, 0x10, GLOBAL | FUNC),
                new Symbol("old@GLIBC_2.2.5", 0x1010, 0x10, GLOBAL | FUNC),
                new Symbol("stub@plt", 0x1020, 0x10, LOCAL | FUNC),
                new Symbol("@odd", 0x1030, 0x10, LOCAL | FUNC),
                new Symbol("", 0x1040, 0x10, GLOBAL | FUNC));
        assertEquals("memcpy+0", at(table, 0x1000));
        assertEquals("old+0", at(table, 0x1010));
        assertEquals("stub@plt+0", at(table, 0x1020));
        assertEquals("@odd+0", at(table, 0x1030));
        assertEquals("-", at(table, 0x1040), "what has no name names nothing");
    }

    @Test
    void takesSymbolsAtTheEndsOfTheAddressSpace() {
        SymbolTable table = table(
                new Symbol("low", 0, 0x10, GLOBAL | FUNC),
                new Symbol("kernel", 0xffffffff81000000L, 0x10, GLOBAL | FUNC),
                new Symbol("wraps", 0xfffffffffffffff0L, 0x1000, GLOBAL | FUNC));
        assertEquals("low+0", at(table, 0));
        assertEquals("kernel+f", at(table, 0xffffffff8100000fL));
        assertEquals("-", at(table, 0xffffffff81000010L));
        assertEquals("wraps+e", at(table, -2));
    }

    /** Whatever a table claims, it is read or refused, and every name that is found can be told. */
    @Test
    void survivesDamage() throws IOException {
        Random random = new Random(3);
        byte[] small = SmallElf.bytes(List.of(
                new Symbol("a", 0x1000, 0x10, GLOBAL | FUNC),
                new Symbol("b", 0x1008, 0, LOCAL | NOTYPE),
                new Symbol("c", 0x1010, 0x100, WEAK | FUNC)));
        byte[] system = Files.readAllBytes(Path.of("/bin/true"));
        int found = 0;
        for (int i = 0; i < 3000; i++) {
            byte[] bad = (i % 10 == 0 ? system : small).clone();
            if (i % 7 == 0) {
                bad = Arrays.copyOf(bad, random.nextInt(bad.length));
            }
            for (int flips = random.nextInt(6); flips >= 0 && bad.length > 0; flips--) {
                // Headers and tables lie at the ends of a file.
                int at = random.nextBoolean()
                        ? random.nextInt(bad.length)
                        : Math.max(0, bad.length - 1 - random.nextInt(2000));
                bad[at] = (byte) random.nextInt();
            }
            try {
                SymbolTable table = SymbolTable.of(ElfFile.of(Bytes.of(bad, "bad")));
                for (int symbol = 0; symbol < table.count(); symbol++) {
                    found += at(table, table.start(symbol)).length();
                }
            } catch (MalformedInputException e) {
                assertTrue(e.offset() <= bad.length || !e.reason().isEmpty());
            }
        }
        assertTrue(found > 0);
    }
}
