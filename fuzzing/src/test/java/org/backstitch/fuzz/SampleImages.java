package org.backstitch.fuzz;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.backstitch.fixtures.SyntheticElf;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/** A small ELF file behind every door that leads to one. */
final class SampleImages {
    private SampleImages() {}

    private interface Packing {
        OutputStream over(OutputStream out) throws IOException;
    }

    static List<byte[]> all() {
        byte[] elf = new SyntheticElf(2)
                .section(".text", SyntheticElf.ALLOC, 0x1000, new byte[64])
                .bytes();
        byte[] xz = pack(elf, out -> new XZOutputStream(out, new LZMA2Options(0)));
        byte[] zstd = Zstd.compress(elf);
        byte[] tar = tar(elf);
        return List.of(
                elf,
                pack(elf, GZIPOutputStream::new),
                xz,
                zstd,
                tar,
                pack(tar, GZIPOutputStream::new),
                ar(tar),
                ar(Zstd.compress(tar)),
                bzImage(Zstd.compress(elf)),
                bzImage(xz));
    }

    private static byte[] pack(byte[] content, Packing packing) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = packing.over(bytes)) {
            out.write(content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static byte[] tar(byte[] content) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarArchiveOutputStream out = new TarArchiveOutputStream(bytes)) {
            TarArchiveEntry entry = new TarArchiveEntry("./boot/vmlinux");
            entry.setSize(content.length);
            out.putArchiveEntry(entry);
            out.write(content);
            out.closeArchiveEntry();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** An archive of one member, as {@code .deb} files are. */
    private static byte[] ar(byte[] member) {
        String header = String.format(
                Locale.ROOT, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", "data.tar", 0, 0, 0, "100644", member.length);
        return Seeds.join(
                "!<arch>\n".getBytes(StandardCharsets.US_ASCII), header.getBytes(StandardCharsets.US_ASCII), member);
    }

    /** A kernel image around a payload (Documentation/arch/x86/boot.rst). */
    private static byte[] bzImage(byte[] payload) {
        int setup = 2 * 512;
        ByteBuffer image = ByteBuffer.allocate(setup + payload.length + 4).order(ByteOrder.LITTLE_ENDIAN);
        image.put(0x1f1, (byte) 1).putShort(0x1fe, (short) 0xaa55);
        image.put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII)).putShort(0x206, (short) 0x020f);
        image.putInt(0x248, 0).putInt(0x24c, payload.length + 4);
        return image.put(setup, payload).array();
    }
}
