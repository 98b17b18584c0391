package org.backstitch.elf.orc;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfNote;
import org.backstitch.elf.ElfSection;

/** Finds the release of the kernel that an image belongs to, in the image itself. */
final class KernelReleases {
    private static final byte[] VERMAGIC = "vermagic=".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] BANNER = "Linux version ".getBytes(StandardCharsets.US_ASCII);

    /** {@code LINUX_ELFNOTE_BUILD_SALT} ({@code include/linux/build-salt.h}): distributions salt their builds with the release. */
    private static final int BUILD_SALT = 0x100;

    /** Longest release that is looked at; {@code uname} has room for 64 characters. */
    private static final int MAX_LENGTH = 64;

    private KernelReleases() {}

    /**
     * A module's {@code vermagic}, the banner "Linux version …" of a vmlinux, or the build salt of its notes, whichever is there first
     * and is a release.
     */
    static Optional<KernelRelease> find(ElfFile elf) {
        return in(elf, ".modinfo", VERMAGIC)
                .or(() -> in(elf, ".rodata", BANNER))
                .or(() -> buildSalt(elf));
    }

    private static Optional<KernelRelease> in(ElfFile elf, String section, byte[] key) {
        return elf.section(section).map(ElfSection::data).flatMap(data -> after(data, key));
    }

    private static Optional<KernelRelease> after(Bytes data, byte[] key) {
        long last = data.size() - key.length;
        for (long at = 0; at <= last; at++) {
            if (matches(data, at, key)) {
                Optional<KernelRelease> release = releaseAt(data, at + key.length);
                if (release.isPresent()) {
                    return release;
                }
            }
        }
        return Optional.empty();
    }

    private static boolean matches(Bytes data, long at, byte[] key) {
        for (int i = 0; i < key.length; i++) {
            if (data.u8(at + i) != key[i]) {
                return false;
            }
        }
        return true;
    }

    private static Optional<KernelRelease> buildSalt(ElfFile elf) {
        for (ElfNote note : elf.notes()) {
            if (note.type() == BUILD_SALT && note.name().equals("Linux")) {
                return releaseAt(note.desc(), 0);
            }
        }
        return Optional.empty();
    }

    private static Optional<KernelRelease> releaseAt(Bytes data, long at) {
        return KernelRelease.parse(data.paddedString(at, Math.min(MAX_LENGTH, data.size() - at)));
    }
}
