package org.backstitch.dump.kernel;

import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * What QEMU adds to the registers of a virtual CPU: its system registers ({@code QEMUX86CPUState} in QEMU's
 * {@code target/i386/arch_dump.c}). A dump without VMCOREINFO can be read with them.
 *
 * @param gsBase the base of the GS segment
 * @param interruptTable address of the interrupt descriptor table
 * @param cr3 the page tables in use, with the bits that kernels put beside them
 * @param cr4 whose bit 12 says that paging has five levels
 * @param kernelGsBase the GS base that {@code swapgs} would bring
 */
record QemuCpuState(long gsBase, long interruptTable, long cr3, long cr4, long kernelGsBase) {
    static final String NOTE_NAME = "QEMU";

    private static final int SEGMENTS_OFFSET = 8 + 18 * 8;
    private static final int SEGMENT_SIZE = 24;
    private static final int SEGMENT_BASE_OFFSET = 16;
    private static final int GS_INDEX = 4;
    private static final int IDT_INDEX = 9;
    private static final int CONTROL_OFFSET = SEGMENTS_OFFSET + 10 * SEGMENT_SIZE;
    private static final int KERNEL_GS_OFFSET = CONTROL_OFFSET + 5 * 8;
    private static final long CR4_LA57 = 1L << 12;

    /** The state in a note's content, or null if it is of another version. */
    static @Nullable QemuCpuState read(Bytes desc) {
        if (!desc.contains(0, KERNEL_GS_OFFSET) || desc.u32(0) != 1) {
            return null;
        }
        return new QemuCpuState(
                desc.i64(SEGMENTS_OFFSET + GS_INDEX * SEGMENT_SIZE + SEGMENT_BASE_OFFSET),
                desc.i64(SEGMENTS_OFFSET + IDT_INDEX * SEGMENT_SIZE + SEGMENT_BASE_OFFSET),
                desc.i64(CONTROL_OFFSET + 3 * 8),
                desc.i64(CONTROL_OFFSET + 4 * 8),
                desc.contains(KERNEL_GS_OFFSET, 8) ? desc.i64(KERNEL_GS_OFFSET) : 0);
    }

    /** Whether the CPU's GS base, now or after the next {@code swapgs}, is {@code base}. */
    boolean isGsBase(long base) {
        return base != 0 && (gsBase == base || kernelGsBase == base);
    }

    /** How many levels the page tables have. */
    int pageTableLevels() {
        return (cr4 & CR4_LA57) != 0 ? 5 : 4;
    }
}
