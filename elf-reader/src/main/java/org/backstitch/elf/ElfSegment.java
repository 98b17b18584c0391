package org.backstitch.elf;

/**
 * A program header (System V gABI, chapter 5): how a part of the file lies in memory.
 *
 * <p>All numbers are as the file has them; nothing says that {@code fileOffset + fileSize} lies inside of the file. Those of a core
 * file that was cut off do not.
 *
 * @param type one of {@code ElfConstants.PT_*}
 * @param flags {@code ElfConstants.PF_*}
 * @param fileOffset where the segment starts in the file, in bytes; unsigned
 * @param vaddr where the segment starts in memory, as linked; unsigned
 * @param paddr the physical address, where that means something (vmlinux, kernel dumps); unsigned
 * @param fileSize number of bytes in the file; unsigned
 * @param memorySize number of bytes in memory, the rest being zero; unsigned
 * @param alignment of vaddr and fileOffset to each other, in bytes
 */
public record ElfSegment(
        int type, int flags, long fileOffset, long vaddr, long paddr, long fileSize, long memorySize, long alignment) {

    /** Whether {@code address} lies in the part of the segment that the file holds. */
    public boolean holdsInFile(long address) {
        return Long.compareUnsigned(address - vaddr, fileSize) < 0;
    }

    /** Whether {@code address} lies in the segment, be it in the file or zero-filled. */
    public boolean covers(long address) {
        return Long.compareUnsigned(address - vaddr, memorySize) < 0;
    }

    /** Whether the segment's memory may be executed. */
    public boolean isExecutable() {
        return (flags & ElfConstants.PF_X) != 0;
    }
}
