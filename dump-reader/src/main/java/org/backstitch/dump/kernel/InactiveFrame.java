package org.backstitch.dump.kernel;

import java.util.OptionalLong;

/**
 * What a task leaves on its stack when it gives up a CPU: {@code struct inactive_task_frame}
 * ({@code arch/x86/include/asm/switch_to.h}), to which {@code thread.sp} points.
 */
final class InactiveFrame {
    private final Btf.Member returnAddress;
    private final Btf.Member rbp;
    private final long size;
    private final long firstReturnAddress;

    InactiveFrame(Kernel kernel) {
        Btf.Struct frame = kernel.struct("inactive_task_frame");
        returnAddress = kernel.member(frame, "inactive_task_frame", "ret_addr");
        rbp = kernel.member(frame, "inactive_task_frame", "bp");
        size = frame.size();
        // Since 6.6 ret_from_fork is a function in C, called by what used to have its name.
        OptionalLong assembly = kernel.symbols().address("ret_from_fork_asm");
        firstReturnAddress = assembly.orElseGet(
                () -> kernel.symbols().address("ret_from_fork").orElse(0));
    }

    /** In bytes; RSP of the resumed function is that much above the frame. */
    long size() {
        return size;
    }

    /** Whether the dump holds the frame at {@code address}. */
    boolean isReadable(KernelMemory memory, long address) {
        return memory.isReadable(address + returnAddress.offset(), Long.BYTES)
                && memory.isReadable(address + rbp.offset(), Long.BYTES);
    }

    /** Where the task will go on; 0 if the dump does not hold it. */
    long returnAddress(KernelMemory memory, long address) {
        long at = address + returnAddress.offset();
        return memory.isReadable(at, Long.BYTES) ? memory.readLong(at) : 0;
    }

    /** RBP of the resumed function; {@link #isReadable} must hold. */
    long rbp(KernelMemory memory, long address) {
        return memory.readLong(address + rbp.offset());
    }

    /** Whether a task that goes on at {@code address} has never run before. */
    boolean isFirst(long address) {
        return address == firstReturnAddress && address != 0;
    }
}
