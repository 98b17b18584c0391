package org.backstitch.dump.user;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSegment;

/**
 * Makes an ELF file of a binary that only the memory of a process has: the vDSO, a file that was deleted or replaced, a memfd.
 *
 * <p>What the headers at its load address describe is copied, segment by segment, as far as memory has it: code and unwind tables are
 * never written to, so they are those of the file. The new file has no sections; its segments lie at other offsets than in the old one.
 */
final class MemoryElf {
    private static final int PAGE = 4096;

    /** No linker makes more segments. */
    private static final int MOST_HEADERS = 256;

    /**
     * The binary, and where it is.
     *
     * @param elf its file
     * @param bias what was added to its vaddrs
     */
    record Loaded(ElfFile elf, long bias) {}

    private MemoryElf() {}

    /**
     * The binary whose ELF header lies at an address.
     *
     * @param name for error messages
     * @return empty if there is none, or memory does not have its unwind tables
     */
    static Optional<Loaded> read(ProcessMemory memory, long base, String name) {
        Optional<Bytes> start = memory.bytesFrom(base);
        if (start.isEmpty()) {
            return Optional.empty();
        }
        try {
            return read(memory, base, ElfFile.of(start.get()), name);
        } catch (MalformedInputException e) {
            return Optional.empty(); // no ELF header there, which is an answer
        }
    }

    /** What a segment is copied from. */
    private record Piece(ElfSegment segment, Bytes bytes) {}

    private static Optional<Loaded> read(ProcessMemory memory, long base, ElfFile headers, String name) {
        List<ElfSegment> segments = headers.segments();
        if (segments.size() > MOST_HEADERS) {
            return Optional.empty();
        }
        Optional<ElfSegment> first = segments.stream()
                .filter(segment -> segment.type() == ElfConstants.PT_LOAD && segment.fileOffset() == 0)
                .findFirst();
        if (first.isEmpty()) {
            return Optional.empty();
        }
        long bias = base - first.get().vaddr();
        boolean unwindable = segments.stream()
                .anyMatch(segment -> segment.type() == ElfConstants.PT_GNU_EH_FRAME
                        && memory.bytesAt(segment.vaddr() + bias, segment.fileSize())
                                .isPresent());
        if (!unwindable) {
            return Optional.empty();
        }
        List<Piece> pieces = new ArrayList<>();
        for (ElfSegment segment : segments) {
            if (segment.type() == ElfConstants.PT_LOAD) {
                memory.bytesFrom(segment.vaddr() + bias).ifPresent(kept -> {
                    long size = Long.compareUnsigned(segment.fileSize(), kept.size()) < 0
                            ? segment.fileSize()
                            : kept.size();
                    pieces.add(new Piece(segment, kept.slice(0, size)));
                });
            }
        }
        long held = memory.extents().extents().stream()
                .mapToLong(extent -> extent.bytes().size())
                .sum();
        long wanted = pieces.stream().mapToLong(piece -> piece.bytes.size()).sum();
        if (wanted > held) {
            return Optional.empty(); // segments that overlap, to make much of little
        }
        return compose(headers, segments, pieces, name).map(elf -> new Loaded(elf, bias));
    }

    private static Optional<ElfFile> compose(
            ElfFile headers, List<ElfSegment> segments, List<Piece> pieces, String name) {
        List<ElfSegment> others = segments.stream()
                .filter(segment -> segment.type() != ElfConstants.PT_LOAD)
                .toList();
        long size = ElfHeaders.ELF_HEADER + (long) (pieces.size() + others.size()) * ElfHeaders.PROGRAM_HEADER;
        List<ElfSegment> moved = new ArrayList<>();
        for (Piece piece : pieces) {
            // As loaders want it, and as Mapping relies on: offset and vaddr are the same within a page.
            size = (size + PAGE - 1 & -PAGE) + (piece.segment.vaddr() & PAGE - 1);
            moved.add(at(piece.segment, size, piece.bytes.size()));
            size += piece.bytes.size();
        }
        if (size > Integer.MAX_VALUE - 8) {
            return Optional.empty();
        }
        for (ElfSegment other : others) {
            for (ElfSegment load : moved) {
                if (load.holdsInFile(other.vaddr())) {
                    moved.add(at(other, load.fileOffset() + (other.vaddr() - load.vaddr()), other.fileSize()));
                    break;
                }
            }
        }
        ByteBuffer file = ByteBuffer.allocate((int) size).order(ByteOrder.LITTLE_ENDIAN);
        file.put(headers.bytes().copy(0, ElfHeaders.ELF_HEADER));
        ElfHeaders.setTables(file, moved.size());
        for (int i = 0; i < moved.size(); i++) {
            ElfHeaders.putProgramHeader(file, ElfHeaders.ELF_HEADER + i * ElfHeaders.PROGRAM_HEADER, moved.get(i));
        }
        for (int i = 0; i < pieces.size(); i++) {
            Bytes bytes = pieces.get(i).bytes;
            file.put((int) moved.get(i).fileOffset(), bytes.copy(0, (int) bytes.size()));
        }
        return Optional.of(ElfFile.of(Bytes.of(file.array(), name)));
    }

    private static ElfSegment at(ElfSegment segment, long fileOffset, long fileSize) {
        return new ElfSegment(
                segment.type(),
                segment.flags(),
                fileOffset,
                segment.vaddr(),
                segment.paddr(),
                fileSize,
                segment.memorySize(),
                segment.alignment());
    }
}
