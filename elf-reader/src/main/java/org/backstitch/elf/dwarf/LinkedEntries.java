package org.backstitch.elf.dwarf;

import java.util.BitSet;
import java.util.Optional;
import java.util.function.Consumer;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * The entries of a section in the order of the linker's search table ({@code .eh_frame_hdr}): by ascending address, without sorting and
 * without reading any twice.
 *
 * <p>The table is not believed: it must name as many entries as the section has, each of them one of the section's, and they must ascend
 * and not overlap. Then it says what an {@link FdeIndex} would, and only then all entries are given.
 */
public final class LinkedEntries {
    private final EhFrameHeader header;
    private final CallFrameInfo section;

    /** Where entries start in the section, in bytes. */
    private final BitSet offsets;

    private LinkedEntries(EhFrameHeader header, CallFrameInfo section, BitSet offsets) {
        this.header = header;
        this.section = section;
        this.offsets = offsets;
    }

    /** The entries of a section, if the table may be in order: it has as many as there are. */
    static Optional<LinkedEntries> of(EhFrameHeader header, CallFrameInfo section) {
        if (header.count() == 0 || section.section().size() > Integer.MAX_VALUE) {
            return Optional.empty();
        }
        BitSet offsets = new BitSet((int) section.section().size());
        boolean isWhole = collect(section.section(), offsets);
        return isWhole && offsets.cardinality() == header.count()
                ? Optional.of(new LinkedEntries(header, section, offsets))
                : Optional.empty();
    }

    /** Marks where the functions' entries start; false if anything is not as linkers write it, which the index knows what to do with. */
    private static boolean collect(Bytes bytes, BitSet offsets) {
        long size = bytes.size();
        long at = 0;
        while (size - at >= Long.BYTES) {
            long head = bytes.i64(at);
            long length = head & 0xffff_ffffL;
            long id = head >>> Integer.SIZE;
            if (length != 0) { // else it is a terminator
                if (length < Integer.BYTES || length > size - at - Integer.BYTES) {
                    return false;
                }
                if (id != 0) { // else it is a common information entry
                    offsets.set((int) at);
                }
            }
            at += Integer.BYTES + length;
        }
        return size - at < Integer.BYTES || bytes.i32(at) == 0;
    }

    /**
     * Gives all entries.
     *
     * @param maxSpan how far apart the first address and the last end may be, in bytes
     * @return false if the table turns out not to be in order, an entry to be malformed, or all of them to be too far apart: then what was
     *     given is not to be used
     */
    public boolean forEach(long maxSpan, Consumer<FrameDescriptionEntry> consumer) {
        long lowest = header.start(0);
        long highest = lowest;
        CallFrameInfo.EntryCursor entries = section.entries();
        for (int i = 0; i < header.count(); i++) {
            FrameDescriptionEntry fde = entry(entries, i);
            if (fde == null || fde.start() != header.start(i) || Long.compareUnsigned(fde.start(), highest) < 0) {
                return false;
            }
            long end = fde.end();
            boolean isForCode = fde.start() != 0 && Long.compareUnsigned(end, fde.start()) > 0;
            if (!isForCode || Long.compareUnsigned(end - lowest, maxSpan) > 0) {
                return false;
            }
            highest = end;
            consumer.accept(fde);
        }
        return true;
    }

    /** Of two pairs for one entry the second would start where the first does, and so overlap it. */
    private @Nullable FrameDescriptionEntry entry(CallFrameInfo.EntryCursor entries, int pair) {
        long offset = header.fdeVaddr(pair) - section.sectionVaddr();
        if (offset < 0 || offset > Integer.MAX_VALUE || !offsets.get((int) offset)) {
            return null;
        }
        try {
            return entries.goTo(offset);
        } catch (MalformedInputException e) {
            return null; // the index counts it
        }
    }
}
