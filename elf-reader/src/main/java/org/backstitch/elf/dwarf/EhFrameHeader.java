package org.backstitch.elf.dwarf;

import java.util.Optional;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;

/**
 * The search table of {@code .eh_frame_hdr} (LSB 5.0 §10.6.3): function starts in ascending order, each with the address of its frame
 * description entry.
 *
 * <p>Only the form that every linker writes is searched: pairs of 32-bit offsets from the header. The table is a stranger's claim:
 * what it finds must be checked against the entry itself.
 */
final class EhFrameHeader {
    private static final int PAIR = 8;
    private static final int TABLE_ENCODING = DwarfConstants.DW_EH_PE_datarel | DwarfConstants.DW_EH_PE_sdata4;

    private final Bytes section;
    private final long headerVaddr;
    private final long frameVaddr;
    private final long tableOffset;
    private final int count;

    private EhFrameHeader(Bytes section, long headerVaddr, long frameVaddr, long tableOffset, int count) {
        this.section = section;
        this.headerVaddr = headerVaddr;
        this.frameVaddr = frameVaddr;
        this.tableOffset = tableOffset;
        this.count = count;
    }

    /** The header of a file: by its section's name, or by the segment {@code PT_GNU_EH_FRAME}. */
    static Optional<EhFrameHeader> find(ElfFile elf) {
        Optional<ElfSection> section = elf.section(".eh_frame_hdr").filter(found -> !found.isNoBits());
        if (section.isPresent()) {
            return parse(section.get().data(), section.get().address());
        }
        return elf.segments().stream()
                .filter(segment -> segment.type() == ElfConstants.PT_GNU_EH_FRAME)
                .findFirst()
                .flatMap(segment -> elf.bytesAt(segment.vaddr(), segment.fileSize())
                        .flatMap(bytes -> parse(bytes, segment.vaddr())));
    }

    /**
     * Reads a header.
     *
     * @return the header; its table is empty where there is none of the usual form
     * @throws org.backstitch.bytes.MalformedInputException if the header is malformed
     */
    static Optional<EhFrameHeader> parse(Bytes section, long headerVaddr) {
        Cursor in = section.cursor(0);
        int version = in.u8();
        int frameEncoding = in.u8();
        int countEncoding = in.u8();
        int tableEncoding = in.u8();
        if (version != 1 || PointerEncoding.isOmitted(frameEncoding)) {
            return Optional.empty();
        }
        PointerEncoding pointers = new PointerEncoding(0, headerVaddr, vaddr -> OptionalLong.empty());
        long frameVaddr = pointers.read(in, frameEncoding & ~DwarfConstants.DW_EH_PE_indirect, headerVaddr, 0);
        long count = 0;
        if (!PointerEncoding.isOmitted(countEncoding) && tableEncoding == TABLE_ENCODING) {
            count = pointers.read(in, countEncoding, headerVaddr, 0);
        }
        boolean plausible = count > 0 && count <= in.remaining() / PAIR;
        return Optional.of(
                new EhFrameHeader(section, headerVaddr, frameVaddr, in.position(), plausible ? (int) count : 0));
    }

    /** Where {@code .eh_frame} starts, as the header says. */
    long frameVaddr() {
        return frameVaddr;
    }

    /** How many pairs the table has. */
    int count() {
        return count;
    }

    /** The index of the last pair whose function starts at or below {@code vaddr}, or -1. */
    int floor(long vaddr) {
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(start(middle), vaddr) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - 1;
    }

    /** Where the function of pair {@code index} starts, as the table says. */
    long start(int index) {
        return headerVaddr + section.i32(tableOffset + (long) index * PAIR);
    }

    /** Where the frame description entry of pair {@code index} lies, as the table says. */
    long fdeVaddr(int index) {
        return headerVaddr + section.i32(tableOffset + (long) index * PAIR + 4);
    }

    /** The table's pairs as they lie in the file: both numbers of each are relative to {@link #vaddr}. */
    byte[] pairs() {
        return section.copy(tableOffset, count * PAIR);
    }

    /** Where the header lies. */
    long vaddr() {
        return headerVaddr;
    }
}
