package org.backstitch.symbols;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KernelSymbolsTest {
    /** In the form of a 6.12 kernel's list: sorted within the kernel, modules behind it in the order of their loading. */
    private static final String TEXT = """
            0000000000000000 A fixed_percpu_data
            0000000000002000 A exception_stacks
            ffffffff81000000 T startup_64
            ffffffff81000000 T _stext
            ffffffff81000000 T _text
            ffffffff81000060 t __pfx_secondary
            ffffffff81000070 T secondary_startup_64
            ffffffff81000100 t local_name
            ffffffff81000100 W weak_name
            ffffffff81000200 t __underscored
            ffffffff81000200 t plain
            ffffffff81000300 T _etext
            ffffffff81200000 D some_data
            ffffffffc0402000 t late\t[second]
            ffffffffc0100010 t first_exit\t[first]
            ffffffffc0100000 t first_init\t[first]
            ffffffffc0103000 t bpf_prog_6deef7357e7b4530\t[bpf]
            """;

    private static Bytes bytes(String text) {
        return Bytes.of(text.getBytes(StandardCharsets.UTF_8), "kallsyms");
    }

    @ParameterizedTest
    @CsvSource({
        "ffffffff81000000, startup_64+0, ''", // the first of three global names without underscores
        "ffffffff8100005f, startup_64+5f, ''",
        "ffffffff81000060, __pfx_secondary+0, ''",
        "ffffffff810000ff, secondary_startup_64+8f, ''",
        "ffffffff81000180, weak_name+80, ''", // weak before local
        "ffffffff81000210, plain+10, ''", // fewer underscores
        "ffffffff81001fff, _etext+1cff, ''", // the last one of the kernel reaches to the end of the next page
        "ffffffff81002000, -, ''",
        "ffffffff81200010, -, ''", // data names no code
        "ffffffff80ffffff, -, ''",
        "0000000000002010, -, ''",
        "ffffffffc010000f, first_init+f, [first]", // sorted, although the file is not
        "ffffffffc0100800, first_exit+7f0, [first]",
        "ffffffffc0102000, -, ''",
        "ffffffffc0103001, bpf_prog_6deef7357e7b4530+1, [bpf]",
        "ffffffffc0402000, late+0, [second]",
        "ffffffffc0403fff, late+1fff, [second]",
        "ffffffffc0404000, -, ''",
        "ffffffffffffffff, -, ''",
    })
    void findsTheNearestAtOrBelow(String address, String expected, String module) {
        Kallsyms kallsyms = Kallsyms.of(bytes(TEXT));
        assertEquals(0, kallsyms.malformedLines());
        long at = Long.parseUnsignedLong(address, 16);
        int symbol = kallsyms.find(at);
        if (symbol == SymbolIndex.NONE) {
            assertEquals(expected, "-");
        } else {
            assertEquals(expected, kallsyms.name(symbol) + "+" + Long.toHexString(at - kallsyms.start(symbol)));
            assertEquals(module, kallsyms.module(symbol).orElse(""));
        }
    }

    /** As {@code get_symbol_pos} of the kernel's {@code kallsyms.c}: the first of those at one address. */
    @ParameterizedTest
    @CsvSource({
        "ffffffff81000000, startup_64",
        "ffffffff81000100, local_name",
        "ffffffff81000200, __underscored",
        "ffffffff81000300, _etext"
    })
    void theKernelTakesTheFirstOfSeveral(String address, String expected) {
        Kallsyms kallsyms = Kallsyms.inKernelOrder(bytes(TEXT));
        assertEquals(expected, kallsyms.name(kallsyms.find(Long.parseUnsignedLong(address, 16))));
    }

    @Test
    void listsTheKernelsAddresses() {
        Map<String, Long> addresses = Kallsyms.of(bytes(TEXT)).kernelAddresses();
        assertEquals(0xffffffff81200000L, addresses.get("some_data"));
        assertEquals(0x2000L, addresses.get("exception_stacks"));
        assertNull(addresses.get("first_init"), "a module's");
        assertEquals(13, addresses.size());
    }

    @Test
    void findsAddressesByName() {
        Kallsyms kallsyms = Kallsyms.of(bytes(TEXT));
        assertEquals(OptionalLong.of(0xffffffff81000070L), kallsyms.addressOf("secondary_startup_64"));
        assertEquals(OptionalLong.of(0xffffffff81000000L), kallsyms.addressOf("_stext"));
        assertEquals(OptionalLong.of(0xffffffff81200000L), kallsyms.addressOf("some_data"));
        assertEquals(OptionalLong.empty(), kallsyms.addressOf("first_init"));
    }

    @Test
    void countsLinesThatAreNone() {
        Kallsyms kallsyms =
                Kallsyms.of(bytes("ffffffff81000000 T a\r\nnonsense\n\nffffffff81000010 T\n12345678901234567 T b\n"
                        + "ffffffff81000020 T c [mod"));
        assertEquals(3, kallsyms.malformedLines());
        assertEquals("a", kallsyms.name(kallsyms.find(0xffffffff8100001fL)));
        int c = kallsyms.find(0xffffffff81000020L);
        assertEquals("c", kallsyms.name(c));
        assertEquals(Optional.empty(), kallsyms.module(c));
    }

    @Test
    void refusesWhatIsNoListOrHidesItsAddresses() {
        MalformedInputException none = assertThrows(MalformedInputException.class, () -> Kallsyms.of(bytes("ELF")));
        assertTrue(none.reason().startsWith("expected lines of kallsyms"), none::reason);
        assertThrows(MalformedInputException.class, () -> Kallsyms.of(bytes("")));
        MalformedInputException hidden = assertThrows(
                MalformedInputException.class,
                () -> Kallsyms.of(bytes("0000000000000000 T a\n0000000000000000 T b\n")));
        assertTrue(hidden.reason().contains("were hidden"), hidden::reason);
    }

    @Test
    void readsAKernelsWorthOfLines() {
        StringBuilder text = new StringBuilder();
        Random random = new Random(1);
        long address = 0xffffffff81000000L;
        for (int i = 0; i < 200_000; i++) {
            address += 16 + random.nextInt(512);
            text.append(Long.toHexString(address))
                    .append(" t function_number_")
                    .append(i)
                    .append('\n');
        }
        Kallsyms kallsyms = Kallsyms.of(bytes(text.toString()));
        assertEquals(200_000, kallsyms.count());
        int last = kallsyms.find(address);
        assertEquals("function_number_199999", kallsyms.name(last));
        assertEquals(address, kallsyms.start(last));
    }

    @Test
    void putsTheKernelsFileBeforeKallsyms() {
        SymbolTable vmlinux = SymbolTable.of(SmallElf.of(
                new SmallElf.Symbol("from_vmlinux", 0xffffffff81000100L, 0x20, SmallElf.GLOBAL | SmallElf.FUNC)));
        long relocation = 0x0c00_0000L;
        KernelSymbols alone = KernelSymbols.of(vmlinux, relocation);
        int symbol = alone.find(0xffffffff81000110L + relocation);
        assertEquals("from_vmlinux", alone.name(symbol));
        assertEquals(0xffffffff81000100L + relocation, alone.start(symbol));
        assertEquals(Optional.empty(), alone.module(symbol));
        assertEquals(SymbolIndex.NONE, alone.find(0xffffffff81000120L + relocation));

        KernelSymbols both = KernelSymbols.of(vmlinux, 0, Kallsyms.of(bytes(TEXT)));
        assertEquals("from_vmlinux", both.name(both.find(0xffffffff81000110L)));
        int weak = both.find(0xffffffff81000120L);
        assertEquals("weak_name", both.name(weak));
        assertEquals(0xffffffff81000100L, both.start(weak));
        assertEquals(Optional.of("[second]"), both.module(both.find(0xffffffffc0402004L)));

        KernelSymbols listed = KernelSymbols.of(Kallsyms.of(bytes(TEXT)));
        assertEquals("weak_name", listed.name(listed.find(0xffffffff81000110L)));
    }

    @Test
    void perfMapsTakeTheLaterLine() {
        PerfMap map = PerfMap.of(bytes("""
                7f0000001000 100 void Foo::bar(int)
                0x7f0000001080 0x40 later
                7f0000001100 0 empty
                7f0000001200 20
                what
                ffffffffffffff00 200 wraps
                7f0000001200 10 LazyCompile:~f /a b.js:1
                """));
        assertEquals(3, map.count());
        assertEquals(4, map.malformedLines());
        assertEquals("void Foo::bar(int)", map.name(map.find(0x7f0000001000L)));
        assertEquals("later", map.name(map.find(0x7f0000001080L)));
        int behind = map.find(0x7f00000010c0L);
        assertEquals("void Foo::bar(int)", map.name(behind));
        assertEquals(0x7f0000001000L, map.start(behind));
        assertEquals(SymbolIndex.NONE, map.find(0x7f0000001100L));
        assertEquals("LazyCompile:~f /a b.js:1", map.name(map.find(0x7f000000120fL)));
        assertEquals(0, PerfMap.of(bytes("")).count());
    }
}
