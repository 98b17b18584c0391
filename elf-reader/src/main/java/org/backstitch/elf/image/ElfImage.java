package org.backstitch.elf.image;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.internal.Inflation;

/**
 * An ELF file and how it was reached.
 *
 * <p>A name leads to it through any of: the file itself; a kernel image (vmlinuz, bzImage); a compressed file ({@code .ko.xz},
 * {@code .ko.zst}, {@code .ko.gz}…: gzip, xz, zstd, lz4, bzip2, lzma); a member of a Debian package or of an {@code ar} archive; and
 * any of these inside of another. What a file is, its content tells, not its name.
 *
 * <p>Everything is unpacked by streaming into memory outside of the heap, which is given back when nobody refers to it any more. A
 * limit bounds it; nothing is allocated because a header claims that it will be needed, save the decompressors' windows (at most 256
 * MiB).
 *
 * @param elf the file; its {@code bytes().source()} names the whole way
 * @param kernelRelease the release of the kernel, where a kernel image on the way named it
 */
public record ElfImage(ElfFile elf, Optional<String> kernelRelease) {
    /** Largest size in bytes to which anything is unpacked unless another one is given: 2 GiB. */
    public static final long DEFAULT_LIMIT = 1L << 31;

    /** A module in a package in a package: deeper nesting is no honest file. */
    private static final int MAX_DEPTH = 8;

    private static final String MEMBER_SEPARATOR = "!/";

    /**
     * Opens an ELF file by name.
     *
     * <p>The name is a file's path, or {@code ARCHIVE!/MEMBER}. A member is named by its whole path, by the end of its path
     * ({@code FILE.deb!/btrfs.ko}), with {@code *} and {@code ?} for any characters, and without its compression's suffix; there must
     * be no more than one that matches. An archive without a member means the only kernel in it, else the only ELF file.
     *
     * @param arena owns the mapping of the file
     * @throws IOException if the file cannot be opened or mapped, or does not exist
     * @throws MalformedInputException if it is no ELF file and holds none, or more than one that match
     */
    public static ElfImage open(String name, Arena arena) throws IOException {
        return open(name, arena, DEFAULT_LIMIT);
    }

    /**
     * Opens an ELF file by name, as {@link #open(String, Arena)}.
     *
     * @param limit largest size in bytes to which anything may be unpacked
     */
    public static ElfImage open(String name, Arena arena, long limit) throws IOException {
        for (int at = name.indexOf(MEMBER_SEPARATOR); at >= 0; at = name.indexOf(MEMBER_SEPARATOR, at + 1)) {
            Path archive = Path.of(name.substring(0, at));
            if (Files.isRegularFile(archive)) {
                String member = name.substring(at + MEMBER_SEPARATOR.length());
                return open(Bytes.map(archive, arena), Optional.of(member), limit);
            }
        }
        return open(Bytes.map(Path.of(name), arena), Optional.empty(), limit);
    }

    /**
     * Opens the ELF file that {@code bytes} are or hold.
     *
     * @param member which one, where they are an archive
     * @param limit largest size in bytes to which anything may be unpacked
     * @throws MalformedInputException if they are no ELF file and hold none, or more than one that match
     */
    public static ElfImage open(Bytes bytes, Optional<String> member, long limit) {
        return open(bytes, member, limit, Optional.empty(), MAX_DEPTH);
    }

    private static ElfImage open(
            Bytes bytes, Optional<String> member, long limit, Optional<String> kernelRelease, int depth) {
        if (depth == 0) {
            throw bytes.malformed(0, "archives in archives, more than " + MAX_DEPTH + " deep");
        }
        if (Archive.isArchive(bytes)) {
            Archive archive = new Archive(bytes, limit);
            return open(archive.find(member), Optional.empty(), limit, kernelRelease, depth - 1);
        }
        if (member.isPresent()) {
            // The suffix of a compressed archive: FILE.a.xz!/member.
            Optional<Compression> outer = Compression.of(bytes);
            if (outer.isEmpty()) {
                throw bytes.malformed(0, "not an archive that could hold " + member.get());
            }
            return open(inflate(bytes, outer.get(), limit), member, limit, kernelRelease, depth - 1);
        }
        Optional<BzImage> kernel = BzImage.of(bytes);
        if (kernel.isPresent()) {
            Bytes vmlinux = kernel.get().vmlinux(limit);
            return open(vmlinux, member, limit, kernel.get().kernelRelease(), depth - 1);
        }
        Optional<Compression> compression = Compression.of(bytes);
        if (compression.isPresent()) {
            return open(inflate(bytes, compression.get(), limit), member, limit, kernelRelease, depth - 1);
        }
        return new ElfImage(ElfFile.of(bytes, limit), kernelRelease);
    }

    private static Bytes inflate(Bytes bytes, Compression compression, long limit) {
        return Inflation.inflate(bytes, compression::open, bytes.source() + "(" + compression.label() + ")", limit);
    }
}
