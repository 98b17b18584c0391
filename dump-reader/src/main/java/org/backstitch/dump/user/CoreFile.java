package org.backstitch.dump.user;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.ExtentMap;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSegment;
import org.backstitch.elf.image.ElfImage;

/**
 * A core file by itself, before any binary was looked for: notes, memory, and what was mapped.
 *
 * <p>A core that was cut off (a full disk, {@code ulimit -c}) has all its notes, which stand in front, and as much of its memory as was
 * written.
 */
final class CoreFile {
    /**
     * A part of the address space.
     *
     * @param start the first address
     * @param end the address behind the last one
     * @param flags {@code ElfConstants.PF_*}; 0 for a guard that nobody can read
     * @param keptEnd the address behind the last byte that the core claims to hold: behind it, the file that is mapped says what was there
     * @param cut whether bytes that the core claims to hold are missing
     */
    record Region(long start, long end, int flags, long keptEnd, boolean cut) {
        boolean isExecutable() {
            return (flags & ElfConstants.PF_X) != 0;
        }

        boolean isWritable() {
            return (flags & ElfConstants.PF_W) != 0;
        }

        boolean isReadable() {
            return flags != 0;
        }
    }

    private static final int ELF_MAGIC = 0x464c457f;

    private final ElfFile elf;
    private final CoreNotes notes;
    private final List<Region> regions = new ArrayList<>();
    private final ExtentMap extents;
    private long missingBytes;

    private CoreFile(ElfFile elf) {
        this.elf = elf;
        this.notes = new CoreNotes(elf);
        ExtentMap.Builder builder = new ExtentMap.Builder();
        for (ElfSegment segment : elf.segments()) {
            if (segment.type() == ElfConstants.PT_LOAD) {
                add(segment, builder);
            }
        }
        extents = builder.build();
    }

    /**
     * Maps a core file; a compressed one is unpacked into memory.
     *
     * @throws MalformedInputException if it is no core file of x86-64, or has no threads
     */
    static CoreFile open(Path path, Arena arena) throws IOException {
        Bytes bytes = Bytes.map(path, arena);
        boolean plain = bytes.contains(0, 4) && bytes.i32(0) == ELF_MAGIC;
        ElfFile elf = plain
                ? ElfFile.of(bytes)
                : ElfImage.open(bytes, Optional.empty(), ElfImage.DEFAULT_LIMIT).elf();
        if (elf.type() != ElfConstants.ET_CORE) {
            throw elf.bytes().malformed(16, "an ELF file, but not a core file");
        }
        if (elf.machine() != ElfConstants.EM_X86_64) {
            throw elf.bytes().malformed(18, "a core file of another machine than x86-64");
        }
        CoreFile core = new CoreFile(elf);
        if (core.notes.threads().isEmpty()) {
            for (ElfSegment segment : elf.segments()) {
                if (segment.type() == ElfConstants.PT_NOTE
                        && !elf.bytes().contains(segment.fileOffset(), segment.fileSize())) {
                    // gdb writes the notes behind the memory.
                    throw elf.bytes()
                            .malformed(
                                    elf.bytes().size(),
                                    "the core is cut off in front of its notes: there are no registers in it");
                }
            }
            List<MalformedInputException> faults = core.faults();
            if (!faults.isEmpty()) {
                throw faults.getFirst();
            }
            throw elf.bytes().malformed(0, "a core file without threads: it has no note NT_PRSTATUS");
        }
        return core;
    }

    private void add(ElfSegment segment, ExtentMap.Builder builder) {
        long start = segment.vaddr();
        long end = start + segment.memorySize();
        if (segment.memorySize() <= 0 || Long.compareUnsigned(end, start) <= 0) {
            return; // no process has more than half of all addresses
        }
        Bytes file = elf.bytes();
        boolean sane = Long.compareUnsigned(segment.fileSize(), segment.memorySize()) <= 0;
        long claimed = sane ? segment.fileSize() : segment.memorySize();
        long held = 0;
        if (file.contains(segment.fileOffset(), 0)) {
            held = Math.min(claimed, file.size() - segment.fileOffset());
            if (held > 0) {
                builder.addBehind(start, file.slice(segment.fileOffset(), held));
            }
        }
        missingBytes = Math.min(missingBytes, Long.MAX_VALUE - (claimed - held)) + (claimed - held);
        regions.add(new Region(start, end, segment.flags(), start + claimed, held != claimed));
    }

    CoreNotes notes() {
        return notes;
    }

    /** What was mapped, in the order of the file, which is that of the addresses unless somebody meddled with it. */
    List<Region> regions() {
        return regions;
    }

    /** The bytes that are there. */
    ExtentMap extents() {
        return extents;
    }

    /** How many bytes of memory the core claims to hold and does not. */
    long missingBytes() {
        return missingBytes;
    }

    /** Whether {@link #regions} is all that was mapped. */
    boolean knowsAllRegions() {
        return elf.hasAllSegments();
    }

    /** What is wrong with the file's tables and notes. */
    List<MalformedInputException> faults() {
        List<MalformedInputException> all = new ArrayList<>(elf.faults());
        all.addAll(notes.faults());
        return all;
    }

    @Override
    public String toString() {
        return elf.bytes().source();
    }
}
