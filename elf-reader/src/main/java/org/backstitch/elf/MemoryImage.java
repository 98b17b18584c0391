package org.backstitch.elf;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;

/** Which bytes of a file lie where in memory, as linked: its loaded parts sorted by address. */
final class MemoryImage {
    /** A run of memory; {@code size} is the number of bytes that the file holds of it. */
    private record Part(long vaddr, long size, long fileOffset, boolean executable) {
        long end() {
            return vaddr + size;
        }
    }

    private final Bytes file;
    private final Part[] parts;
    /** The highest end (unsigned) of parts 0 to i: tells a search when to stop where parts overlap. */
    private final long[] highestEnds;

    private final List<ElfSection> absent;

    MemoryImage(ElfFile elf) {
        file = elf.bytes();
        List<Part> found = new ArrayList<>();
        List<ElfSection> noBits = new ArrayList<>();
        if (!elf.isRelocatable()) {
            for (ElfSegment segment : elf.segments()) {
                if (segment.type() == ElfConstants.PT_LOAD) {
                    add(found, segment.vaddr(), segment.fileSize(), segment.fileOffset(), segment.isExecutable());
                }
            }
            boolean bySections = found.isEmpty();
            for (ElfSection section : elf.sections()) {
                if (section.isAllocated() && !section.hasFlags(ElfConstants.SHF_TLS) && section.isNoBits()) {
                    noBits.add(section);
                } else if (bySections && section.isAllocated() && !section.isNoBits() && !section.isCompressed()) {
                    add(
                            found,
                            section.address(),
                            section.size(),
                            section.fileOffset(),
                            section.hasFlags(ElfConstants.SHF_EXECINSTR));
                }
            }
        }
        found.sort((a, b) -> Long.compareUnsigned(a.vaddr, b.vaddr));
        parts = found.toArray(Part[]::new);
        highestEnds = new long[parts.length];
        long highest = 0;
        for (int i = 0; i < parts.length; i++) {
            highest = Long.compareUnsigned(parts[i].end(), highest) > 0 ? parts[i].end() : highest;
            highestEnds[i] = highest;
        }
        absent = List.copyOf(noBits);
    }

    /** Adds what is really there of a part: a file that was cut off holds less than its headers say. */
    private void add(List<Part> target, long vaddr, long size, long fileOffset, boolean executable) {
        if (size == 0 || !file.contains(fileOffset, 1)) {
            return;
        }
        long held = file.contains(fileOffset, size) ? size : file.size() - fileOffset;
        // A part that would wrap around the end of the address space is no part of any program.
        if (Long.compareUnsigned(vaddr + held, vaddr) > 0) {
            target.add(new Part(vaddr, held, fileOffset, executable));
        }
    }

    Optional<Bytes> bytesAt(long vaddr, long length) {
        Part part = length < 0 ? null : find(vaddr);
        if (part == null || length > part.end() - vaddr || isAbsent(vaddr, length)) {
            return Optional.empty();
        }
        return Optional.of(file.slice(part.fileOffset + (vaddr - part.vaddr), length));
    }

    Optional<Bytes> bytesFrom(long vaddr) {
        Part part = find(vaddr);
        return part == null ? Optional.empty() : bytesAt(vaddr, part.end() - vaddr);
    }

    private @org.jspecify.annotations.Nullable Part find(long vaddr) {
        int low = 0;
        int high = parts.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(parts[middle].vaddr, vaddr) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (int i = low - 1; i >= 0 && Long.compareUnsigned(highestEnds[i], vaddr) > 0; i--) {
            if (Long.compareUnsigned(vaddr - parts[i].vaddr, parts[i].size) < 0) {
                return parts[i];
            }
        }
        return null;
    }

    /**
     * Whether a section without bytes in the file lies there. In a separate debug file the segments still claim the program's bytes,
     * and what stands at their offsets is something else.
     */
    private boolean isAbsent(long vaddr, long length) {
        for (ElfSection section : absent) {
            if (Long.compareUnsigned(section.address() - vaddr, length) < 0 || section.covers(vaddr)) {
                return true;
            }
        }
        return false;
    }

    OptionalLong vaddrOf(long fileOffset) {
        return java.util.Arrays.stream(parts)
                .filter(part -> Long.compareUnsigned(fileOffset - part.fileOffset, part.size) < 0)
                .min(Comparator.comparing(part -> !part.executable))
                .map(part -> OptionalLong.of(part.vaddr + (fileOffset - part.fileOffset)))
                .orElse(OptionalLong.empty());
    }
}
