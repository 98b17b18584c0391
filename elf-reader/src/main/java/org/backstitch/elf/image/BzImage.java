package org.backstitch.elf.image;

import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.internal.Inflation;

/**
 * A bootable x86 kernel image (Linux, {@code Documentation/arch/x86/boot.rst}): real-mode code with a header, and in the
 * protected-mode code the compressed vmlinux.
 */
final class BzImage {
    private static final int SETUP_SECTS = 0x1f1;
    private static final int BOOT_FLAG = 0x1fe;
    private static final int HEADER = 0x202;
    private static final int VERSION = 0x206;
    private static final int KERNEL_VERSION = 0x20e;
    private static final int PAYLOAD_OFFSET = 0x248;
    private static final int PAYLOAD_LENGTH = 0x24c;
    private static final int HEADER_END = 0x250;

    private static final int BOOT_FLAG_VALUE = 0xaa55;
    private static final int HDRS = 0x53726448; // "HdrS"
    private static final int FIRST_VERSION_WITH_PAYLOAD = 0x0208;
    private static final int SECTOR = 512;
    private static final int DEFAULT_SETUP_SECTS = 4;

    private final Bytes image;

    private BzImage(Bytes image) {
        this.image = image;
    }

    /** The kernel image that {@code bytes} are, if they are one. */
    static Optional<BzImage> of(Bytes bytes) {
        boolean matches =
                bytes.contains(0, HEADER_END) && bytes.u16(BOOT_FLAG) == BOOT_FLAG_VALUE && bytes.i32(HEADER) == HDRS;
        return matches ? Optional.of(new BzImage(bytes)) : Optional.empty();
    }

    /** The release that the image names: the first word of its version string, such as {@code 6.1.0-50-amd64}. */
    Optional<String> kernelRelease() {
        long pointer = image.u16(KERNEL_VERSION);
        // Relative to 0x200; 0 if there is none.
        if (pointer == 0 || !image.contains(pointer + SECTOR, 1)) {
            return Optional.empty();
        }
        long at = pointer + SECTOR;
        String version = image.paddedString(at, Math.min(256, image.size() - at));
        String release = version.strip().split("\\s", 2)[0];
        return release.isEmpty() ? Optional.empty() : Optional.of(release);
    }

    /**
     * The unpacked vmlinux.
     *
     * @param limit largest size in bytes that it may have
     * @throws MalformedInputException if the payload is missing, broken, or of an unknown or unsupported compression
     */
    Bytes vmlinux(long limit) {
        int version = image.u16(VERSION);
        if (version < FIRST_VERSION_WITH_PAYLOAD) {
            throw image.malformed(
                    VERSION,
                    "a kernel image of boot protocol " + (version >> 8) + "." + (version & 0xff)
                            + ", which does not tell where its payload is (2.8 does)");
        }
        int setupSects = image.u8(SETUP_SECTS) == 0 ? DEFAULT_SETUP_SECTS : image.u8(SETUP_SECTS);
        long offset = (setupSects + 1L) * SECTOR + image.u32(PAYLOAD_OFFSET);
        long length = image.u32(PAYLOAD_LENGTH);
        Bytes payload = image.slice(offset, length);
        if (length >= 4 && payload.i32(0) == 0x464c457f) { // CONFIG_KERNEL_UNCOMPRESSED
            return payload;
        }
        Compression compression =
                Compression.of(payload).orElseThrow(() -> payload.malformed(0, "a kernel of unknown compression"));
        if (length < 8) {
            throw payload.malformed(0, "a kernel payload of " + length + " bytes");
        }
        // The build appends the unpacked length, as gzip itself does (scripts/Makefile.lib, size_append).
        Bytes compressed = compression == Compression.GZIP ? payload : payload.slice(0, length - 4);
        Bytes vmlinux = Inflation.inflate(
                compressed,
                compression::open,
                image.source() + "(" + compression.label() + ")",
                Math.min(limit, Inflation.allowance(length)));
        long expected = payload.u32(length - 4);
        if ((vmlinux.size() & 0xffff_ffffL) != expected) {
            throw payload.malformed(
                    length - 4,
                    "the kernel unpacks to " + vmlinux.size() + " bytes, but " + expected + " are expected");
        }
        return vmlinux;
    }
}
