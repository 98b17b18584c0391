package org.backstitch.elf.dwarf;

import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.jspecify.annotations.Nullable;

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
    private final long tableOffset;
    private final int count;

    private EhFrameHeader(Bytes section, long headerVaddr, long tableOffset, int count) {
        this.section = section;
        this.headerVaddr = headerVaddr;
        this.tableOffset = tableOffset;
        this.count = count;
    }

    /**
     * Reads a header.
     *
     * @return the table, or null where there is none of the usual form
     * @throws org.backstitch.bytes.MalformedInputException if the header is malformed
     */
    static @Nullable EhFrameHeader parse(Bytes section, long headerVaddr) {
        Cursor in = section.cursor(0);
        int version = in.u8();
        int frameEncoding = in.u8();
        int countEncoding = in.u8();
        int tableEncoding = in.u8();
        if (version != 1
                || PointerEncoding.isOmitted(frameEncoding)
                || PointerEncoding.isOmitted(countEncoding)
                || tableEncoding != TABLE_ENCODING) {
            return null;
        }
        PointerEncoding pointers = new PointerEncoding(0, headerVaddr, vaddr -> OptionalLong.empty());
        pointers.read(in, frameEncoding & ~DwarfConstants.DW_EH_PE_indirect, headerVaddr, 0);
        long count = pointers.read(in, countEncoding, headerVaddr, 0);
        if (count <= 0 || count > in.remaining() / PAIR) {
            return null;
        }
        return new EhFrameHeader(section, headerVaddr, in.position(), (int) count);
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
}
