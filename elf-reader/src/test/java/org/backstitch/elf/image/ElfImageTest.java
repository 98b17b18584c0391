package org.backstitch.elf.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ElfImageTest {
    private static final long LIMIT = 1 << 20;

    @TempDir
    private Path directory;

    private final Arena arena = Arena.ofAuto();

    private static byte[] resource(String name) {
        try (InputStream in = ElfImageTest.class.getResourceAsStream(name)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new AssertionError(name, e);
        }
    }

    private static byte[] content(ElfImage image) {
        return image.elf().bytes().segment().toArray(ValueLayout.JAVA_BYTE);
    }

    private static ElfImage open(byte[] bytes, String member) {
        return ElfImage.open(Bytes.of(bytes, "test"), Optional.of(member).filter(m -> !m.isEmpty()), LIMIT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".gz", ".xz", ".zst", ".lz4", ".frame.lz4", ".bz2", ".lzma"})
    void opensEveryCompression(String suffix) throws Exception {
        Path file = Files.write(directory.resolve("file"), resource("tiny.o" + suffix));
        ElfImage image = ElfImage.open(file.toString(), arena);
        assertArrayEquals(resource("tiny.o"), content(image));
        assertEquals(Optional.empty(), image.kernelRelease());
    }

    /**
     * A kernel image after Documentation/arch/x86/boot.rst: 512 bytes a sector, the boot sector and {@code setup_sects} others of
     * real-mode code, then the payload.
     */
    private static byte[] bzImage(int setupSects, byte[] payload, String version) {
        int setup = (setupSects == 0 ? 4 : setupSects) * 512 + 512;
        int payloadOffset = 0x2d0;
        ByteBuffer image = ByteBuffer.allocate(setup + payloadOffset + payload.length + 100)
                .order(ByteOrder.LITTLE_ENDIAN);
        image.put(0x1f1, (byte) setupSects);
        image.putShort(0x1fe, (short) 0xaa55);
        image.put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII));
        image.putShort(0x206, (short) 0x020f);
        image.putShort(0x20e, (short) 0x100);
        image.put(0x300, (version + "\0").getBytes(StandardCharsets.US_ASCII));
        image.putInt(0x248, payloadOffset);
        image.putInt(0x24c, payload.length);
        image.put(setup + payloadOffset, payload);
        return image.array();
    }

    private static byte[] withLength(byte[] compressed, int length) {
        ByteBuffer result = ByteBuffer.allocate(compressed.length + 4).order(ByteOrder.LITTLE_ENDIAN);
        return result.put(compressed).putInt(length).array();
    }

    @ParameterizedTest
    @CsvSource({".gz,1", ".xz,2", ".zst,0", ".lz4,31", ".bz2,1", ".lzma,1"})
    void unpacksKernelImages(String suffix, int setupSects) {
        byte[] vmlinux = resource("tiny.o");
        byte[] packed = resource("tiny.o" + suffix);
        // gzip ends in the length by itself; for the others the kernel's build appends it.
        byte[] payload = suffix.equals(".gz") ? packed : withLength(packed, vmlinux.length);
        ElfImage image = open(bzImage(setupSects, payload, "6.12.3-amd64 (someone@somewhere) #1 SMP"), "");
        assertArrayEquals(vmlinux, content(image));
        assertEquals(Optional.of("6.12.3-amd64"), image.kernelRelease());
        assertTrue(image.elf().bytes().source().startsWith("test("), image.elf().bytes()::source);
    }

    @Test
    void refusesKernelImagesThatAreNotWhole() {
        byte[] packed = resource("tiny.o.zst");
        int length = resource("tiny.o").length;
        byte[] wrongLength = bzImage(1, withLength(packed, length + 1), "1");
        assertMessage("the kernel unpacks to 1576 bytes, but 1577 are expected", wrongLength);
        byte[] lzop = bzImage(1, new byte[] {(byte) 0x89, 'L', 'Z', 'O', 0, 13, 10, 26, 10, 0, 0, 0, 0}, "1");
        assertMessage("lzo is not supported", lzop);
        byte[] unknown = bzImage(1, "what is this then?".getBytes(StandardCharsets.US_ASCII), "1");
        assertMessage("a kernel of unknown compression", unknown);
        byte[] cut = Arrays.copyOf(bzImage(1, withLength(packed, length), "1"), 1024 + 0x2d0 + 100);
        assertMessage("expected 535 bytes, but the data ends at", cut);
        byte[] old = bzImage(1, withLength(packed, length), "1");
        old[0x206] = 7;
        assertMessage("a kernel image of boot protocol 2.7", old);
    }

    /** Whether a packed module is an ELF file shows only when it is unpacked; its name is enough to count it. */
    @Test
    void packedModulesAreImagesToo() throws IOException {
        byte[] packed = resource("tiny.o.xz");
        assertArrayEquals(resource("tiny.o"), content(open(packageOf(packed, "./lib/modules/only.ko.xz"), "")));
        assertMessage(
                "the archive holds more than one; name it as FILE!/MEMBER: lib/modules/a.ko.xz, lib/modules/b.ko.xz",
                packageOf(packed, "./lib/modules/a.ko.xz", "./lib/modules/b.ko.xz"),
                "");
        assertMessage(
                "the archive holds neither a kernel nor an ELF file", packageOf(packed, "./lib/modules/a.xz"), "");
    }

    private static byte[] packageOf(byte[] content, String... paths) throws IOException {
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(data)) {
            for (String path : paths) {
                TarArchiveEntry entry = new TarArchiveEntry(path);
                entry.setSize(content.length);
                tar.putArchiveEntry(entry);
                tar.write(content);
                tar.closeArchiveEntry();
            }
        }
        ByteArrayOutputStream deb = new ByteArrayOutputStream();
        try (ArArchiveOutputStream ar = new ArArchiveOutputStream(deb)) {
            ar.putArchiveEntry(new ArArchiveEntry("data.tar", data.size()));
            ar.write(data.toByteArray());
            ar.closeArchiveEntry();
        }
        return deb.toByteArray();
    }

    private static void assertMessage(String part, byte[] bytes) {
        MalformedInputException e = assertThrows(MalformedInputException.class, () -> open(bytes, ""));
        assertTrue(e.reason().contains(part), e::reason);
    }

    @ParameterizedTest
    @ValueSource(strings = {"xz", "zstd", "gzip", "none"})
    void findsMembersOfPackages(String compression) throws Exception {
        String deb = Files.write(directory.resolve("tiny.deb"), resource("tiny-" + compression + ".deb"))
                .toString();
        String fs = "usr/lib/modules/1.0/kernel/fs/";
        for (String member : new String[] {
            "/" + fs + "alpha/alpha.ko",
            "./" + fs + "alpha/alpha.ko",
            "alpha/alpha.ko", // where it is
            "beta.ko",
            "beta.ko.xz",
            "*/beta/b*.ko",
            "kernel/fs/beta/beta.??", // without suffix, with wildcards
            "link.ko",
            "absolute.ko" // through links
        }) {
            ElfImage image = ElfImage.open(deb + "!/" + member, arena);
            assertArrayEquals(resource("tiny.o"), content(image), member);
        }
        assertEquals(
                deb + "!/" + fs + "beta/beta.ko.xz(xz)",
                ElfImage.open(deb + "!/beta.ko", arena).elf().bytes().source());
    }

    @Test
    void saysWhyThereIsNoSuchMember() {
        byte[] deb = resource("tiny-xz.deb");
        assertMessage(
                "alpha.ko means more than one member: usr/lib/modules/1.0/kernel/fs/alpha/alpha.ko, "
                        + "usr/lib/modules/1.0/kernel/fs/beta/alpha.ko",
                deb,
                "alpha.ko");
        assertMessage("the archive has no member nothing.ko", deb, "nothing.ko");
        assertMessage("too many links lead on from loop.ko", deb, "loop.ko");
        assertMessage("not an ELF file", deb, "README");
        assertMessage("the archive holds more than one; name it as FILE!/MEMBER: ", deb, "");
        assertMessage("not an archive that could hold x", resource("tiny.o"), "x");
    }

    private static void assertMessage(String part, byte[] bytes, String member) {
        MalformedInputException e = assertThrows(MalformedInputException.class, () -> open(bytes, member));
        assertTrue(e.reason().contains(part), e::reason);
    }

    @Test
    void findsMembersOfPlainArchives() {
        byte[] archive = resource("tiny.a");
        assertArrayEquals(resource("tiny.o"), content(open(archive, "tiny.o")));
        assertArrayEquals(resource("tiny.o"), content(open(archive, "a_rather_long_member_name_of_an_archive.o")));
    }

    @Test
    void namesFilesThatAreNotThere() {
        String missing = directory.resolve("missing").toString();
        assertThrows(NoSuchFileException.class, () -> ElfImage.open(missing, arena));
        assertThrows(NoSuchFileException.class, () -> ElfImage.open(missing + ".deb!/member", arena));
    }

    @Test
    void stopsAtTheLimit() {
        for (String suffix : new String[] {".gz", ".xz", ".zst", ".lz4", ".bz2", ".lzma"}) {
            Bytes bytes = Bytes.of(resource("tiny.o" + suffix), "test");
            MalformedInputException e = assertThrows(
                    MalformedInputException.class, () -> ElfImage.open(bytes, Optional.empty(), 1000), suffix);
            assertTrue(e.reason().contains("inflates to more than 1000 bytes"), e::reason);
        }
        Bytes deb = Bytes.of(resource("tiny-zstd.deb"), "test");
        assertThrows(MalformedInputException.class, () -> ElfImage.open(deb, Optional.of("alpha/alpha.ko"), 1000));
        assertThrows(
                MalformedInputException.class, () -> ElfImage.open(deb, Optional.of("nothing"), 10), "too much passes");
    }

    /** A few kilobytes that unpack to more than any kernel does: what is taken depends on what the file holds, not on the bound only. */
    @Test
    void stopsWhereNoKernelCompressesSoWell() {
        byte[] zeros = new byte[80 << 20];
        byte[] bomb = bzImage(1, withLength(com.github.luben.zstd.Zstd.compress(zeros), zeros.length), "1");
        assertTrue(bomb.length < 20_000);
        MalformedInputException e = assertThrows(
                MalformedInputException.class,
                () -> ElfImage.open(Bytes.of(bomb, "test"), Optional.empty(), ElfImage.DEFAULT_LIMIT));
        assertTrue(e.reason().contains("inflates to more than"), e::reason);
    }

    /** Whatever is flipped or cut, the answer is an image or a {@link MalformedInputException}. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "tiny.o",
                "tiny.o.gz",
                "tiny.o.xz",
                "tiny.o.zst",
                "tiny.o.lz4",
                "tiny.o.frame.lz4",
                "tiny.o.bz2",
                "tiny.o.lzma",
                "tiny.a",
                "tiny-xz.deb",
                "tiny-zstd.deb",
                "tiny-gzip.deb",
                "tiny-none.deb"
            })
    void survivesDamage(String name) {
        byte[] good = resource(name);
        Random random = new Random(name.hashCode());
        String member = name.startsWith("tiny.o") ? "" : name.endsWith(".a") ? "tiny.o" : "beta.ko";
        int refused = 0;
        for (int i = 0; i < 400; i++) {
            byte[] bad = i % 4 == 0 ? Arrays.copyOf(good, random.nextInt(good.length)) : good.clone();
            for (int flips = random.nextInt(4); flips >= 0 && bad.length > 0; flips--) {
                bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
            }
            try {
                assertTrue(open(bad, member).elf().bytes().size() <= LIMIT);
            } catch (MalformedInputException e) {
                refused++;
            }
        }
        assertTrue(refused > 0);
    }
}
