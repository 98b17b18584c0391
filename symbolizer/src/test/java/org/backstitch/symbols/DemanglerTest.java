package org.backstitch.symbols;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DemanglerTest {
    private static List<String[]> golden(String name) throws IOException {
        try (InputStream in = DemanglerTest.class.getResourceAsStream(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(line -> line.split("\t", 2))
                    .toList();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"rust-v0.tsv", "rust-legacy.tsv"})
    void agreesWithRustsOwnDemangler(String name) throws IOException {
        List<String[]> names = golden(name);
        assertTrue(names.size() > 150);
        for (String[] line : names) {
            assertEquals(line[1], Demangler.withoutCxx().demangle(line[0]), line[0]);
        }
    }

    @Test
    void agreesWithCxxfilt() throws IOException {
        Demangler demangler = Demangler.create();
        assumeTrue(demangler.isCxxAvailable());
        List<String[]> names = golden("cxx.tsv");
        assertTrue(names.size() > 200);
        for (String[] line : names) {
            assertEquals(line[1], demangler.demangle(line[0]), line[0]);
        }
    }

    /** RFC 2603, rustc book "v0 Symbol Format": constructs that the compiled program does not have. */
    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "_RC0                                ; ''",
                "_RNvC6_123foo3bar                   ; 123foo::bar",
                "_RNvC3foo3bar.cold                  ; foo::bar.cold",
                "_RNvC3foo3bar.llvm.9D1C9369         ; foo::bar",
                "_RNvC3foo3bar.llvm.9D1C9369@@16     ; foo::bar",
                "_RNvC3foo3barC5other                ; foo::bar",
                "_RNSC3foo3barFn                     ; _RNSC3foo3barFn",
                "_RNSC3foo3bar                       ; foo::{shim:bar#0}",
                "_RNDC3foos_0                        ; foo::{D#1}",
                "_RINvC3foo3barL_E                   ; foo::bar::<'_>",
                "_RINvC3foo3barKj7b_E                ; foo::bar::<123>",
                "_RINvC3foo3barKpE                   ; foo::bar::<_>",
                "_RINvC3foo3barWhRKh1_KhfE           ; _RINvC3foo3barWhRKh1_KhfE",
                "_RINvC3foo3barWhRh1_hf_E            ; foo::bar::<u8 is 1..=15>",
                "_RINvC3foo3barWhORh1_h2_Rh5_h9_EE   ; foo::bar::<u8 is (1..=2 | 5..=9)>",
                "_RINvC3foo3barWPhNE                 ; foo::bar::<*const u8 is !null>",
                "_RINvC3foo3barTBc_E                 ; _RINvC3foo3barTBc_E",
                "_RINvC3foo3barTBb_E                 ; _RINvC3foo3barTBb_E",
                "_RINvC3foo3barTpBc_EE               ; foo::bar::<(_, _)>",
                "_RINvC3foo3barFG0_RL1_hRL0_tEuE     ; foo::bar::<for<'a, 'b> fn(&'a u8, &'b u16)>",
                "_RINvC3foo3barFG0_RL2_hEuE          ; _RINvC3foo3barFG0_RL2_hEuE",
                "_RNvC3foo3bar@plt                   ; foo::bar@plt",
            })
    void readsRustV0(String mangled, String expected) {
        assertEquals(expected, Demangler.withoutCxx().demangle(mangled));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "_ZN3foo3bar17h05af221e174051e9E         | foo::bar",
                "_ZN3foo3bar17h05af221e174051e9E.cold    | foo::bar.cold",
                "_ZN3foo3bar17h05af221e174051e9E.llvm.12 | foo::bar",
                "_ZN8_$LT$..$u5d$3b$C$_17h05af221e174051e9E | _ZN8_$LT$..$u5d$3b$C$_17h05af221e174051e9E",
                "_ZN21_$LT$u8$u20$as$u20$A$GT$17h05af221e174051e9E | _ZN21_$LT$u8$u20$as$u20$A$GT$17h05af221e174051e9E",
                "_ZN24_$LT$u8$u20$as$u20$A$GT$17h05af221e174051e9E | <u8 as A>",
                "_ZN3foo3bar17h05af221e174051eXE         | _ZN3foo3bar17h05af221e174051eXE",
                "_ZN3foo3barE                            | _ZN3foo3barE",
                "_ZN17h05af221e174051e9E                 | _ZN17h05af221e174051e9E",
            })
    void readsRustLegacy(String mangled, String expected) {
        assertEquals(expected, Demangler.withoutCxx().demangle(mangled));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "_", "main", "_start", "_R", "_Z", "_ZZ", "_RNv", "_GLOBAL_OFFSET_TABLE_", "memcpy@plt"})
    void leavesOtherNamesAlone(String name) {
        assertEquals(name, Demangler.create().demangle(name));
    }

    @Test
    void readsCxx() {
        Demangler demangler = Demangler.create();
        assumeTrue(demangler.isCxxAvailable());
        assertEquals("operator new(unsigned long)", demangler.demangle("_Znwm"));
        assertEquals("operator new(unsigned long)@plt", demangler.demangle("_Znwm@plt"));
        assertEquals("f(int) [clone .cold]", demangler.demangle("_Z1fi.cold"));
        assertEquals("_Zn", demangler.demangle("_Zn"));
        // Longer than what is demangled on the caller's own stack.
        String argument = "a".repeat(900);
        assertEquals("f(" + argument + ")", demangler.demangle("_Z1f900" + argument));
    }

    /** Whoever asks while the other thread is at it waits for it, and gets the same. */
    @RepeatedTest(20)
    void canBePreparedInAnotherThread() {
        Demangler demangler = Demangler.create();
        demangler.prepare();
        assumeTrue(demangler.isCxxAvailable());
        assertEquals("f()", demangler.demangle("_Z1fv"));
    }

    /** Each level names the one before twice: a name of 400 characters that stands for 10^12. */
    @Test
    void refusesNamesThatExplode() {
        StringBuilder cxx = new StringBuilder("_Z1fPFviiE");
        StringBuilder rust = new StringBuilder("_RMC0" + "T".repeat(40) + "p");
        for (int i = 0; i < 40; i++) {
            String part = i == 0 ? "S0_" : "S" + Integer.toString(2 * i, 36).toUpperCase(java.util.Locale.ROOT) + "_";
            cxx.append("PFv").append(part).append(part).append('E');
            int target = 3 + 39 - i;
            rust.append('B').append(base62(target)).append('E');
        }
        Demangler demangler = Demangler.create();
        for (String name : List.of(cxx.toString(), rust.toString())) {
            assertEquals(name, assertTimeoutPreemptively(Duration.ofSeconds(10), () -> demangler.demangle(name)));
        }
    }

    private static String base62(int value) {
        String digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        int rest = value - 1;
        return (rest < 62 ? "" : String.valueOf(digits.charAt(rest / 62))) + digits.charAt(rest % 62) + "_";
    }

    @Test
    void survivesDepth() {
        Demangler demangler = Demangler.create();
        for (String unit : List.of("P", "1aI", "N1aI", "Fv", "PF", "R", "M1a", "XngXng", "Z1avE", "A1_")) {
            for (int times : new int[] {100, 500, 3000}) {
                String name = "_Z1f" + unit.repeat(times) + "i" + "E".repeat(times);
                assertFalse(demangler.demangle(name).isEmpty());
            }
        }
        for (String unit : List.of("R", "T", "A", "FE", "INvC1a1b", "NvNv", "MC0")) {
            String name = "_RMC0" + unit.repeat(30_000) + "p";
            assertEquals(name, demangler.demangle(name));
        }
    }

    @Test
    void survivesDamage() throws IOException {
        Demangler demangler = Demangler.create();
        List<String[]> names = golden("rust-v0.tsv");
        String alphabet = "_019abpsuvzBCEFIKLNRTXY$.";
        Random random = new Random(7);
        int changed = 0;
        for (int i = 0; i < 20_000; i++) {
            StringBuilder name = new StringBuilder(names.get(random.nextInt(names.size()))[0]);
            for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
                name.setCharAt(
                        2 + random.nextInt(name.length() - 2), alphabet.charAt(random.nextInt(alphabet.length())));
            }
            changed += demangler.demangle(name.toString()).contentEquals(name) ? 0 : 1;
        }
        assertTrue(changed > 0);
    }

    /** RFC 3492 §7.1 (A), (B) and (I), with the separator taken off. */
    @ParameterizedTest
    @CsvSource({
        "'',egbpdaj6bu4bxfgehfvwxn,ليهمابتكلموشعربي؟",
        "'',ihqwcrb4cv8a8dqg056pqjye,他们为什么不说中文",
        "Porqunopuedensimplementehablarenespaol,fmd56a,PorquénopuedensimplementehablarenEspañol"
    })
    void decodesPunycode(String basic, String deltas, String expected) {
        assertEquals(
                Optional.of(expected.toLowerCase(java.util.Locale.ROOT)),
                Punycode.decode(basic, deltas).map(text -> text.toLowerCase(java.util.Locale.ROOT)));
    }

    @ParameterizedTest
    @CsvSource({"a,''", "'',A", "'',99999999", "'',a9", "a,zzzzzzzzzz"})
    void refusesWhatIsNoPunycode(String basic, String deltas) {
        assertEquals(Optional.empty(), Punycode.decode(basic, deltas));
    }
}
