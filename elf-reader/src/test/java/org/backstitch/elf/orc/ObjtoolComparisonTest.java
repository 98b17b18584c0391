package org.backstitch.elf.orc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.fixtures.Fixtures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every entry of real images, as objtool prints it. */
class ObjtoolComparisonTest {
    private static ElfFile elf(String name) {
        return ElfFile.of(Bytes.of(Fixtures.bytes(name), name));
    }

    private static List<String> lines(OrcTable table) throws IOException {
        StringBuilder text = new StringBuilder();
        OrcText.write(table, text);
        return text.toString().lines().toList();
    }

    @ParameterizedTest
    @CsvSource({"6.1, veth", "6.1, virtio_blk", "6.12, veth", "6.12, virtio_blk", "7.2, veth", "7.2, virtio_blk"})
    void modules(String version, String module) throws IOException {
        OrcTable table = OrcTable.of(elf("orc/" + version + "/" + module + ".ko.xz"), null);
        assertTrue(table.isRelocatable());
        List<String> expected = new ArrayList<>(Fixtures.lines("orc/" + version + "/" + module + ".lines.xz"));
        List<String> actual = new ArrayList<>(lines(table));
        expected.sort(null);
        actual.sort(null);
        assertEquals(expected, actual);
        assertEquals(0, table.invalidRows());
    }

    @ParameterizedTest
    @CsvSource({"6.1, LINUX_5_12", "6.12, LINUX_6_4", "7.2, LINUX_7_1"})
    void vmlinux(String version, OrcFormat format) throws IOException, NoSuchAlgorithmException {
        OrcTable table = OrcTable.of(elf("orc/" + version + "/vmlinux.xz"), null);
        assertEquals(format, table.format());
        List<String> expected = Fixtures.lines("orc/" + version + "/vmlinux.hashes");
        List<String> actual = lines(table);
        assertEquals(Integer.parseInt(expected.getFirst()), actual.size());
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (int at = 0; at < actual.size(); at += 1000) {
            for (String line : actual.subList(at, Math.min(at + 1000, actual.size()))) {
                digest.update((line + "\n").getBytes(StandardCharsets.US_ASCII));
            }
            String hash = HexFormat.of().formatHex(digest.digest()).substring(0, 16);
            assertEquals(expected.get(1 + at / 1000), hash, "lines from " + actual.get(at) + " on");
        }
    }

    /** Neither header nor release: the table itself must tell, and tell the same. */
    @ParameterizedTest
    @ValueSource(strings = {"6.1", "6.12", "7.2"})
    void formatsAreFoundInTheTableAlone(String version) {
        ElfFile elf = elf("orc/" + version + "/vmlinux.xz");
        ElfSection ips = elf.section(".orc_unwind_ip").orElseThrow();
        Bytes unwind = elf.section(".orc_unwind").orElseThrow().data();
        OrcTable expected = OrcTable.of(elf, null);
        assertEquals(
                expected.format(),
                OrcTable.read(unwind, ips.data(), ips.address(), null, null).format());
        // RHEL calls kernels with later formats 5.14.
        assertEquals(
                expected.format(),
                OrcTable.read(unwind, ips.data(), ips.address(), null, new KernelRelease(5, 14))
                        .format());
    }

    /** Debian's build salt, and the modules' vermagic. */
    @Test
    void releasesAreFoundInImages() {
        assertEquals(
                "6.1",
                KernelReleases.find(elf("orc/6.1/vmlinux.xz")).orElseThrow().toString());
        assertEquals(
                "6.1",
                KernelReleases.find(elf("orc/6.1/veth.ko.xz")).orElseThrow().toString());
        assertEquals(
                "7.2",
                KernelReleases.find(elf("orc/7.2/veth.ko.xz")).orElseThrow().toString());
    }
}
