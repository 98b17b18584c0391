package org.backstitch.dump.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.Fixtures;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BtfTest {
    private static final int INT = 1;
    private static final int PTR = 2;
    private static final int ARRAY = 3;
    private static final int STRUCT = 4;
    private static final int UNION = 5;
    private static final int ENUM = 6;
    private static final int TYPEDEF = 8;
    private static final int CONST = 10;
    private static final int ENUM64 = 19;

    /** Puts a section together from types, in the order of their ids. */
    private static final class Section {
        private final ByteArrayOutputStream types = new ByteArrayOutputStream();
        private final ByteArrayOutputStream strings = new ByteArrayOutputStream();

        Section() {
            strings.write(0);
        }

        int string(String text) {
            if (text.isEmpty()) {
                return 0;
            }
            int at = strings.size();
            strings.writeBytes((text + "\0").getBytes(StandardCharsets.UTF_8));
            return at;
        }

        /** A type: its name, kind, number of elements, {@code kind_flag}, size or referred type, and what follows. */
        Section type(String name, int kind, int elements, boolean flag, int sizeOrType, int... payload) {
            words(string(name), elements | kind << 24 | (flag ? 1 << 31 : 0), sizeOrType);
            words(payload);
            return this;
        }

        private void words(int... values) {
            ByteBuffer buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
            for (int value : values) {
                buffer.putInt(value);
            }
            types.writeBytes(buffer.array());
        }

        Bytes bytes() {
            ByteBuffer buffer = ByteBuffer.allocate(24 + types.size() + strings.size())
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putShort((short) 0xeb9f)
                    .put((byte) 1)
                    .put((byte) 0)
                    .putInt(24)
                    .putInt(0)
                    .putInt(types.size())
                    .putInt(types.size())
                    .putInt(strings.size())
                    .put(types.toByteArray())
                    .put(strings.toByteArray());
            return Bytes.of(buffer.array(), "test");
        }

        Btf read() {
            return new Btf(bytes());
        }
    }

    private static Btf.Struct struct(Btf btf, String name) {
        Btf.@Nullable Struct struct = btf.struct(name);
        assertNotNull(struct, name);
        return struct;
    }

    /**
     * <pre>
     * struct outer {
     *     int first;
     *     union { int a; const number b; };   // number is a typedef of a 64-bit integer
     *     unsigned flag : 3, rest : 5;        // at bit 96 and 99
     *     struct inner items[4];              // { void *p; int q; }, 16 bytes each
     *     struct inner *link;
     * };
     * </pre>
     */
    private static Btf outer() {
        Section s = new Section();
        return s.type("int", INT, 0, false, 4, 32)
                .type("long", INT, 0, false, 8, 64)
                .type("number", TYPEDEF, 0, false, 2)
                .type("", CONST, 0, false, 3)
                .type("", UNION, 2, false, 8, s.string("a"), 1, 0, s.string("b"), 4, 0)
                .type("", PTR, 0, false, 0)
                .type("inner", STRUCT, 2, false, 16, s.string("p"), 6, 0, s.string("q"), 1, 64)
                .type("", ARRAY, 0, false, 0, 7, 1, 4)
                .type("", PTR, 0, false, 7)
                .type(
                        "outer",
                        STRUCT,
                        6,
                        true,
                        96, //
                        s.string("first"),
                        1,
                        0, //
                        0,
                        5,
                        32, //
                        s.string("flag"),
                        1,
                        3 << 24 | 96, //
                        s.string("rest"),
                        1,
                        5 << 24 | 99, //
                        s.string("items"),
                        8,
                        128, //
                        s.string("link"),
                        9,
                        640)
                .type("colour", ENUM, 2, false, 4, s.string("RED"), -1, s.string("GREEN"), 7)
                .type("", ENUM64, 1, false, 8, s.string("WIDE"), 5, 1)
                .read();
    }

    @Test
    void findsMembersThroughAnonymousOnesArraysAndTypedefs() {
        Btf.Struct outer = struct(outer(), "outer");
        assertEquals(96, outer.size());
        assertEquals(new Btf.Member(0, 32, 4, 1), outer.member("first"));
        assertEquals(new Btf.Member(32, 64, 8, 1), outer.member("b"));
        assertEquals(new Btf.Member(128, 512, 64, 4), outer.member("items"));
        assertEquals(new Btf.Member(128 + 2 * 128 + 64, 32, 4, 1), outer.member("items[2].q"));
        assertEquals(new Btf.Member(128 + 3 * 128, 128, 16, 1), outer.member("items[3]"));
        assertNull(outer.member("items[4]"), "beyond the array");
        assertNull(outer.member("items.q"), "an array has no members");
        assertNull(outer.member("link.q"), "pointers are not followed");
        assertNull(outer.member("nothing"));
        assertArrayEquals(new String[] {"first", "", "flag", "rest", "items", "link"}, outer.memberNames());
    }

    @Test
    void bitFieldsHaveTheirOwnSizes() {
        Btf.Struct outer = struct(outer(), "outer");
        Btf.Member rest = outer.member("rest");
        assertEquals(new Btf.Member(99, 5, 4, 1), rest);
        assertEquals(12, rest == null ? 0 : rest.offset());
    }

    @Test
    void pointersAndEnumerators() {
        Btf btf = outer();
        Btf.Struct target = struct(btf, "outer").pointee("link");
        assertEquals(16, target == null ? 0 : target.size());
        assertNull(struct(btf, "outer").pointee("first"));
        assertNull(struct(btf, "inner").pointee("p"), "a pointer to void");
        assertEquals(-1L, btf.enumerator("colour", "RED"));
        assertEquals(7L, btf.enumerator("colour", "GREEN"));
        assertNull(btf.enumerator("colour", "WIDE"));
        assertEquals(0x1_0000_0005L, btf.enumerator("", "WIDE"));
        assertNull(btf.struct("colour"), "no structure");
        assertEquals(12, btf.typeCount());
    }

    /** Two structures of one name: a driver's small one must not hide the kernel's. */
    @Test
    void theLargestNamesakeCounts() {
        Btf btf = new Section()
                .type("module", STRUCT, 0, false, 8)
                .type("module", STRUCT, 0, false, 896)
                .type("module", STRUCT, 0, false, 16)
                .read();
        assertEquals(896, struct(btf, "module").size());
    }

    @Test
    void refusesWhatIsNotBtf() {
        assertEquals(
                "not BTF (little-endian): the magic number 0xeb9f is missing",
                assertThrows(MalformedInputException.class, () -> new Btf(Bytes.of(new byte[64], "test")))
                        .reason());
        MalformedInputException unknown = assertThrows(
                MalformedInputException.class,
                () -> new Section().type("x", 27, 0, false, 0).read());
        assertEquals("BTF type of an unknown kind 27", unknown.reason());
        assertThrows(
                MalformedInputException.class,
                () -> new Section().type("x", STRUCT, 9, false, 4, 1, 2, 3).read(),
                "members beyond the end");
    }

    @Test
    void typesThatReferToThemselvesEnd() {
        Section s = new Section();
        Btf btf = s.type("loop", TYPEDEF, 0, false, 1)
                .type("s", STRUCT, 1, false, 4, s.string("m"), 1, 0)
                .type("nest", STRUCT, 2, false, 4, 0, 3, 0, 0, 3, 0)
                .type("", ARRAY, 0, false, 0, 4, 1, 2)
                .type("a", STRUCT, 1, false, 4, s.string("m"), 4, 0)
                .type("far", STRUCT, 1, false, 4, s.string("m"), 99, 0)
                .read();
        assertThrows(MalformedInputException.class, () -> struct(btf, "s").member("m"));
        assertThrows(MalformedInputException.class, () -> struct(btf, "nest").member("m"));
        assertThrows(MalformedInputException.class, () -> struct(btf, "a").member("m"));
        assertThrows(MalformedInputException.class, () -> struct(btf, "far").member("m"));
    }

    /** Random bytes in a good section: an exception of the right kind, or an answer, soon. */
    @Test
    void damagedSectionsAreSurvived() {
        byte[] good = outer().typeCount() == 12 ? section() : new byte[0];
        Random random = new Random(2);
        for (int round = 0; round < 5000; round++) {
            byte[] damaged = good.clone();
            for (int i = 0; i < 3; i++) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
            }
            try {
                Btf btf = new Btf(Bytes.of(damaged, "damaged"));
                Btf.Struct outer = btf.struct("outer");
                if (outer != null) {
                    outer.member("items[1].q");
                    outer.pointee("link");
                    outer.memberNames();
                }
            } catch (MalformedInputException e) {
                assertTrue(e.getMessage() != null && e.source().startsWith("damaged"));
            }
        }
    }

    private static byte[] section() {
        Section s = new Section();
        s.type("int", INT, 0, false, 4, 32)
                .type("inner", STRUCT, 2, false, 16, s.string("p"), 4, 0, s.string("q"), 1, 64)
                .type("", ARRAY, 0, false, 0, 2, 1, 4)
                .type("", PTR, 0, false, 2)
                .type("outer", STRUCT, 2, false, 96, s.string("items"), 3, 128, s.string("link"), 4, 640);
        Bytes bytes = s.bytes();
        return bytes.copy(0, (int) bytes.size());
    }

    /** Every member that pahole finds in the whole BTF of a kernel, at the same place. */
    @ParameterizedTest
    @ValueSource(strings = {"6.1", "6.12", "7.2"})
    void membersOfRealKernelsAreWherePaholeFindsThem(String version) {
        ElfFile vmlinux = ElfFile.of(Bytes.of(Fixtures.bytes("dump/vmlinux-" + version + ".xz"), "vmlinux"));
        Btf btf = new Btf(vmlinux.section(".BTF").orElseThrow().data());
        int compared = 0;
        for (String line : Fixtures.lines("dump/offsets-" + version + ".xz")) {
            String[] fields = line.split(" ", -1);
            if (fields[1].equals("-")) {
                assertEquals(Long.parseLong(fields[2]), struct(btf, fields[0]).size(), line);
                continue;
            }
            int dot = fields[0].indexOf('.');
            Btf.Member member = struct(btf, fields[0].substring(0, dot)).member(fields[0].substring(dot + 1));
            assertNotNull(member, line);
            assertEquals(Long.parseLong(fields[1]), member.bitOffset(), line);
            long size = Long.parseLong(fields[2]);
            if (size != 0) {
                assertEquals(size, member.size(), line);
            }
            compared++;
        }
        assertTrue(compared > 400, "members compared: " + compared);
    }
}
