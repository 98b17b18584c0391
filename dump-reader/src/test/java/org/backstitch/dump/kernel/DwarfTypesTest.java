package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Types out of debugging information, against what the compiler that wrote it says of the same types when the program runs. */
class DwarfTypesTest {
    private static final Set<String> WANTED = Set.of("outer", "choice", "only_named", "no_such");

    private static final String SOURCE = """
            #include <stddef.h>
            #include <stdio.h>
            enum choice { FIRST = 3, SECOND = -2 };
            enum { HIDDEN = 77, NEGATIVE = -5 };
            struct only_named;
            typedef const volatile struct { int x; long y[3][5]; } inner_t;
            struct outer {
                char a;
                struct outer *self;
                struct only_named *opaque;
                unsigned long *words;
                union { int u1; struct { short deep1; long deep2; }; };
                inner_t in[4];
                enum choice c;
                unsigned bits1 : 3, bits2 : 7;
                long long bits3 : 40;
                void (*call)(int);
                char tail[];
            };
            #define SHOW(m) printf(#m " %zu %zu\\n", offsetof(struct outer, m), sizeof(((struct outer *)0)->m))
            int hidden(void) { return HIDDEN; }
            int main(void) {
                SHOW(a); SHOW(self); SHOW(opaque); SHOW(words); SHOW(u1); SHOW(deep1); SHOW(deep2); SHOW(in); SHOW(c); SHOW(call);
                SHOW(in[2].x); SHOW(in[3].y); SHOW(in[1].y);
                struct outer bits = {0};
                enum choice c = SECOND;
                bits.bits1 = 7; bits.bits2 = 127; bits.bits3 = -1;
                for (size_t bit = 0; bit < 8 * sizeof bits; bit++)
                    if (((unsigned char *)&bits)[bit / 8] >> bit % 8 & 1) printf("bit %zu\\n", bit);
                printf("size %zu\\n", sizeof(struct outer));
                return c == FIRST ? hidden() : 0;
            }
            """;

    private static Path compile(Path directory, String... options) throws IOException, InterruptedException {
        Path source = directory.resolve("types.c");
        Files.writeString(source, SOURCE);
        Path program = directory.resolve("types");
        List<String> command = new ArrayList<>(List.of("gcc", "-O0", "-o", program.toString()));
        command.addAll(List.of(options));
        command.add(source.toString());
        assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor(), "gcc");
        return program;
    }

    private static Btf types(Path program) throws IOException {
        Btf types = DwarfTypes.read(ElfFile.map(program, Arena.ofAuto()), WANTED, Set.of("HIDDEN", "NO_SUCH"));
        assertNotNull(types);
        return types;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-gdwarf-2 -gstrict-dwarf",
                "-gdwarf-3",
                "-gdwarf-4",
                "-gdwarf-5",
                "-gdwarf-5 -gdwarf64",
                "-gdwarf-5 -gz=zlib"
            })
    void offsetsAreTheCompilers(String options, @TempDir Path directory) throws IOException, InterruptedException {
        Path program = compile(directory, options.split(" ", -1));
        Process run = new ProcessBuilder(program.toString()).start();
        List<String> lines = new String(run.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
                .lines()
                .toList();
        Btf types = types(program);
        Btf.Struct outer = types.struct("outer");
        assertNotNull(outer);
        int bits = 0;
        for (String line : lines) {
            String[] word = line.split(" ", -1);
            switch (word[0]) {
                case "size" -> assertEquals(Long.parseLong(word[1]), outer.size());
                case "bit" -> {
                    assertTrue(isInBitField(outer, Long.parseLong(word[1])), line);
                    bits++;
                }
                default -> {
                    Btf.Member member = outer.member(word[0]);
                    assertNotNull(member, line);
                    assertEquals(Long.parseLong(word[1]), member.offset(), line);
                    assertEquals(Long.parseLong(word[2]), member.size(), line);
                }
            }
        }
        assertEquals(3 + 7 + 40, bits);
        Btf.Member array = outer.member("in");
        assertEquals(4, array == null ? 0 : array.elements());
        Btf.Member rows = outer.member("in[0].y");
        assertEquals(3, rows == null ? 0 : rows.elements());
        assertEquals(-2L, types.enumerator("choice", "SECOND"));
        assertEquals(77L, types.enumerator("", "HIDDEN"));
        assertEquals(-5L, types.enumerator("", "NEGATIVE"));
        assertNull(types.struct("no_such"));
        assertNotNull(outer.pointee("self"));
        assertNull(outer.pointee("words"));
        assertNull(outer.pointee("call"));
        assertArrayEquals(
                new String[] {"a", "self", "opaque", "words", "", "in", "c", "bits1", "bits2", "bits3", "call", "tail"},
                outer.memberNames());
    }

    private static boolean isInBitField(Btf.Struct struct, long bit) {
        for (String name : List.of("bits1", "bits2", "bits3")) {
            Btf.Member member = struct.member(name);
            if (member != null && bit >= member.bitOffset() && bit < member.bitOffset() + member.bitSize()) {
                return true;
            }
        }
        return false;
    }

    @Test
    void aFileWithoutDebuggingInformationHasNone(@TempDir Path directory) throws IOException, InterruptedException {
        Path program = compile(directory, "-s");
        assertNull(DwarfTypes.read(ElfFile.map(program, Arena.ofAuto()), WANTED, Set.of()));
    }

    /** Broken debugging information is refused or read as something else; it never takes long, nor ends in another exception. */
    @Test
    void brokenDebuggingInformationEnds(@TempDir Path directory) throws IOException, InterruptedException {
        byte[] file = Files.readAllBytes(compile(directory, "-gdwarf-5"));
        ElfFile elf = ElfFile.of(Bytes.of(file, "whole"));
        Random random = new Random(5);
        int refused = 0;
        for (int round = 0; round < 4000; round++) {
            String name = round % 2 == 0 ? ".debug_info" : ".debug_abbrev";
            var section = elf.section(name).orElseThrow();
            byte[] broken = file.clone();
            for (int i = 0; i < 1 + round % 3; i++) {
                broken[(int) (section.fileOffset() + random.nextLong(section.size()))] = (byte) random.nextInt();
            }
            try {
                Btf types = DwarfTypes.read(ElfFile.of(Bytes.of(broken, "broken")), WANTED, Set.of("HIDDEN"));
                Btf.Struct outer = types == null ? null : types.struct("outer");
                if (outer != null) {
                    outer.member("in[2].x");
                }
            } catch (MalformedInputException e) {
                refused++;
            }
        }
        assertTrue(refused > 100, "refused " + refused);
    }
}
