package org.backstitch.elf.dwarf;

import java.util.OptionalLong;
import org.backstitch.bytes.Cursor;

/** A frame description entry: the rules for one contiguous piece of code (DWARF 5 §6.4.1; for {@code .eh_frame} LSB 5.0 §10.6.2). */
public final class FrameDescriptionEntry {
    private final CommonInformationEntry cie;
    private final long offset;
    private final long start;
    private final long length;
    private final long augmentationData;
    final long programStart;
    final long programEnd;

    FrameDescriptionEntry(
            CommonInformationEntry cie,
            long offset,
            long start,
            long length,
            long augmentationData,
            long programStart,
            long programEnd) {
        this.cie = cie;
        this.offset = offset;
        this.start = start;
        this.length = length;
        this.augmentationData = augmentationData;
        this.programStart = programStart;
        this.programEnd = programEnd;
    }

    /** The entry that this one completes. */
    public CommonInformationEntry cie() {
        return cie;
    }

    /** Where the entry lies in its section, in bytes. */
    public long offset() {
        return offset;
    }

    /** The first address that the entry is for, as linked; in relocatable files an offset in the section that it describes. */
    public long start() {
        return start;
    }

    /** How many bytes of code the entry is for; may be 0. */
    public long length() {
        return length;
    }

    /** The address behind the code: {@link #start} + {@link #length}, which may wrap in hostile files. */
    public long end() {
        return start + length;
    }

    /** Whether the entry's code would run over the end of the address space: such an entry is for nothing. */
    public boolean wraps() {
        return Long.compareUnsigned(end(), start) < 0;
    }

    /** Whether the entry is for a vaddr. */
    public boolean covers(long vaddr) {
        return Long.compareUnsigned(vaddr - start, length) < 0 && !wraps();
    }

    /**
     * The address of the language-specific data area (exception tables), where the entry names one.
     *
     * @throws org.backstitch.bytes.MalformedInputException if its pointer cannot be read
     */
    public OptionalLong lsda() {
        if (augmentationData < 0 || PointerEncoding.isOmitted(cie.lsdaEncoding)) {
            return OptionalLong.empty();
        }
        Cursor in = cie.info.section().cursor(augmentationData);
        long vaddr = cie.info.pointers().read(in, cie.lsdaEncoding, cie.info.sectionVaddr(), start);
        return vaddr == 0 ? OptionalLong.empty() : OptionalLong.of(vaddr);
    }

    @Override
    public String toString() {
        return "FDE 0x%x [0x%x, 0x%x)".formatted(offset, start, end());
    }
}
