package org.backstitch.dump.user;

import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.BuildId;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSegment;
import org.backstitch.unwind.Mapping;
import org.jspecify.annotations.Nullable;

/**
 * What memory tells of a binary that was mapped: cores keep the page with its headers, and its build id is mostly there, too.
 *
 * @param headers the ELF file as far as memory has it from its first byte on
 */
record MappedBinary(Optional<ElfFile> headers) {
    /** One of which memory tells nothing. */
    static final MappedBinary UNKNOWN = new MappedBinary(Optional.empty());

    /** The binary whose ELF header should be at an address. */
    static MappedBinary at(ProcessMemory memory, long address) {
        Optional<Bytes> bytes = memory.bytesFrom(address);
        try {
            return bytes.isEmpty() ? UNKNOWN : new MappedBinary(Optional.of(ElfFile.of(bytes.get())));
        } catch (MalformedInputException e) {
            return UNKNOWN; // another kind of file, or one that was written to
        }
    }

    /** Its build id, where that can be seen. */
    Optional<BuildId> buildId() {
        return headers.flatMap(ElfFile::buildId);
    }

    /** What speaks against a file being this binary; null if nothing does. */
    @Nullable
    String objectionTo(ElfFile file) {
        Optional<BuildId> wanted = buildId();
        if (wanted.isPresent()) {
            Optional<BuildId> actual = file.buildId();
            return wanted.equals(actual)
                    ? null
                    : actual.map(id -> "its build id is " + id.hex()).orElse("it has no build id")
                            + ", that of the process is "
                            + wanted.get().hex();
        }
        // Without build ids, what the linker has made of it must do: where it starts, and what is loaded from where to
        // where. A copy
        // without symbols, or one with them, is the same in this.
        boolean same = headers.isEmpty()
                || !headers.get().hasAllSegments() // they lie elsewhere, or were cut off
                || headers.get().entry() == file.entry()
                        && loaded(headers.get()).equals(loaded(file));
        return same ? null : "its segments are not those that the process has";
    }

    private static List<ElfSegment> loaded(ElfFile elf) {
        return elf.segments().stream()
                .filter(segment -> segment.type() == ElfConstants.PT_LOAD)
                .toList();
    }

    /** Where it was mapped, for a binary that is not at hand: then there is at least its name. */
    List<Mapping> mappings(String path, long bias) {
        return headers.stream()
                .flatMap(elf -> elf.segments().stream())
                .flatMap(segment -> Placement.range(segment, bias, path, null).stream())
                .toList();
    }
}
