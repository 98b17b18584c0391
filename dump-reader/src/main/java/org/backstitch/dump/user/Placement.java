package org.backstitch.dump.user;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfSegment;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.jspecify.annotations.Nullable;

/** Where the segments of a binary lie whose bias is known. */
final class Placement {
    private static final long PAGE = 4096;

    private Placement() {}

    /** What all segments of a binary are mapped to. */
    static List<Mapping> mappings(Binary binary, long bias) {
        List<Mapping> mappings = new ArrayList<>();
        for (ElfSegment segment : binary.elf().segments()) {
            mapping(binary, segment, bias).ifPresent(mappings::add);
        }
        return mappings;
    }

    /** What a segment is mapped to, whole pages; empty if it is not one that is loaded. */
    static Optional<Mapping> mapping(Binary binary, ElfSegment segment, long bias) {
        return range(segment, bias, binary.module().name(), binary.module());
    }

    /** The same of a binary that may not be at hand: then there is no module. */
    static Optional<Mapping> range(ElfSegment segment, long bias, String path, @Nullable ElfModule module) {
        long start = bias + (segment.vaddr() & -PAGE);
        long end = bias + (segment.vaddr() + segment.memorySize() + PAGE - 1 & -PAGE);
        if (segment.type() != ElfConstants.PT_LOAD || Long.compareUnsigned(start, end) >= 0) {
            return Optional.empty();
        }
        return Optional.of(new Mapping(
                start,
                end,
                segment.fileOffset() & -PAGE,
                segment.isExecutable(),
                path,
                segment.isExecutable() ? module : null));
    }
}
