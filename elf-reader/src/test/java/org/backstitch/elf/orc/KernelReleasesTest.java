package org.backstitch.elf.orc;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.fixtures.SyntheticElf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where a kernel and its modules say which release they are of: for tables without a header. */
class KernelReleasesTest {
    private static final int ET_EXEC = 2;
    private static final int PT_NOTE = 4;

    /** Text with {@code ;} for NUL. */
    private static byte[] text(String text) {
        return text.replace(';', '\0').getBytes(StandardCharsets.US_ASCII);
    }

    private static String find(SyntheticElf elf) {
        Optional<KernelRelease> release = KernelReleases.find(ElfFile.of(Bytes.of(elf.bytes(), "test")));
        return release.map(KernelRelease::toString).orElse("none");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                ".modinfo | license=GPL;vermagic=6.1.0-18-amd64 SMP preempt mod_unload;name=veth; | 6.1",
                ".modinfo | vermagic=none;vermagic=5.4.1; | 5.4", // the first that is one
                ".modinfo | vermagic=4.19 | 4.19", // nothing follows
                ".modinfo | license=GPL;vermagix=6.1.0; | none",
                ".modinfo | vermagic= | none",
                ".modinfo | ver | none",
                ".rodata | junk;Linux version 5.15.2-arch1 (root@x) (gcc) #1 SMP; | 5.15",
                ".rodata | Linux version %s (%s) %s;Linux version 7.1.0; | 7.1", // the format string comes first
                ".rodata | vermagic=6.1.0; | none", // not there
                ".data | Linux version 6.1.0; | none",
            })
    void inASection(String section, String content, String release) {
        assertEquals(
                release,
                find(new SyntheticElf(ET_EXEC).section(section, SyntheticElf.ALLOC, 0x1000, text(content.strip()))));
    }

    @Test
    void aModuleSaysMoreThanItsStrings() {
        SyntheticElf elf = new SyntheticElf(ET_EXEC)
                .section(".rodata", SyntheticElf.ALLOC, 0x1000, text("Linux version 5.4.0;"))
                .section(".modinfo", SyntheticElf.ALLOC, 0x2000, text("vermagic=6.1.0;"));
        assertEquals("6.1", find(elf));
    }

    private static byte[] note(String name, int type, String content) {
        byte[] note = new byte[12 + 8 + 16];
        ByteBuffer.wrap(note)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(name.length() + 1)
                .putInt(16)
                .putInt(type)
                .put(text(name))
                .put(20, text(content));
        return note;
    }

    /** {@code include/linux/build-salt.h}. */
    @Test
    void theBuildSaltOfANote() {
        assertEquals(
                "6.12",
                find(new SyntheticElf(ET_EXEC).segment(PT_NOTE, 4, 0x1000, note("Linux", 0x100, "6.12.3-amd64"))));
        assertEquals(
                "none",
                find(new SyntheticElf(ET_EXEC).segment(PT_NOTE, 4, 0x1000, note("Linux", 0x101, "6.12.3-amd64"))));
        assertEquals(
                "none",
                find(new SyntheticElf(ET_EXEC).segment(PT_NOTE, 4, 0x1000, note("Xen", 0x100, "6.12.3-amd64"))));
    }

    /** Plain entries are the same in four formats: which one it is matters for others of the same kernel, and the release decides. */
    @ParameterizedTest
    @CsvSource({"4.19.0,4.14", "5.11.9,4.14", "5.12.0,5.12", "6.2.0,5.12", "6.3.0,6.3"})
    void decidesTheFormatOfATableWithoutHeader(String release, String since) {
        SyntheticElf elf = new SyntheticElf(ET_EXEC)
                .section(".orc_unwind", SyntheticElf.ALLOC, 0x1000, new byte[] {8, 0, 0, 0, 5, 0})
                .section(".orc_unwind_ip", SyntheticElf.ALLOC, 0x2000, new byte[4])
                .section(".modinfo", SyntheticElf.ALLOC, 0x3000, text("vermagic=" + release + " SMP;"));
        OrcTable table = OrcTable.of(ElfFile.of(Bytes.of(elf.bytes(), "test")), null);
        assertEquals(since, table.format().since().toString());
    }

    /** What the caller knows goes before what the file says. */
    @Test
    void aReleaseThatIsKnownIsNotLookedFor() {
        SyntheticElf elf = new SyntheticElf(ET_EXEC)
                .section(".orc_unwind", SyntheticElf.ALLOC, 0x1000, new byte[] {8, 0, 0, 0, 5, 0})
                .section(".orc_unwind_ip", SyntheticElf.ALLOC, 0x2000, new byte[4])
                .section(".modinfo", SyntheticElf.ALLOC, 0x3000, text("vermagic=6.3.0 SMP;"));
        OrcTable table = OrcTable.of(ElfFile.of(Bytes.of(elf.bytes(), "test")), new KernelRelease(4, 19));
        assertEquals(OrcFormat.LINUX_4_14, table.format());
    }
}
