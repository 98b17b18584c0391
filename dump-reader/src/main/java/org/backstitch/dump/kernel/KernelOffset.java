package org.backstitch.dump.kernel;

import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Finds how far KASLR moved a kernel from where it was linked. */
final class KernelOffset {
    /** An interrupt gate has the handler's address in three pieces (Intel SDM volume 3, figure 6-8). */
    private static final int GATE_SIZE = 16;

    /** KASLR moves by multiples of this; an offset that is none was not found but made up. */
    private static final long ALIGNMENT = 1L << 21;

    private static final List<String> SYMBOLS_IN_INFO = List.of("_stext", "swapper_pg_dir", "init_uts_ns");
    private static final List<String> DIVIDE_ERROR_HANDLERS = List.of("asm_exc_divide_error", "divide_error");

    private KernelOffset() {}

    /**
     * The offset in bytes: as VMCOREINFO gives it; else by a symbol that both it and vmlinux have; else by the interrupt descriptor
     * table that QEMU's notes point to; else 0.
     *
     * @param linked vmlinux's symbols as linked
     */
    static long find(VmCore core, KernelMemory memory, @Nullable SymbolAddresses linked) {
        VmCoreInfo info = core.info();
        Long given = info == null ? null : info.kernelOffset();
        if (given != null) {
            return given;
        }
        if (linked == null) {
            return 0;
        }
        for (String name : SYMBOLS_IN_INFO) {
            Long running = info == null ? null : info.symbol(name);
            OptionalLong vaddr = linked.address(name);
            if (running != null && vaddr.isPresent() && isPlausible(running - vaddr.getAsLong())) {
                return running - vaddr.getAsLong();
            }
        }
        for (CpuState cpu : core.cpus()) {
            QemuCpuState qemu = cpu.qemu();
            OptionalLong handler = qemu == null ? OptionalLong.empty() : handler(memory, qemu.interruptTable());
            for (String name : DIVIDE_ERROR_HANDLERS) {
                OptionalLong vaddr = linked.address(name);
                if (handler.isPresent() && vaddr.isPresent() && isPlausible(handler.getAsLong() - vaddr.getAsLong())) {
                    return handler.getAsLong() - vaddr.getAsLong();
                }
            }
        }
        return 0;
    }

    private static boolean isPlausible(long offset) {
        return (offset & ALIGNMENT - 1) == 0;
    }

    /** The address of the handler of vector 0. */
    private static OptionalLong handler(KernelMemory memory, long table) {
        if (!memory.isReadable(table, GATE_SIZE)) {
            return OptionalLong.empty();
        }
        long low = memory.read(table, 2);
        long middle = memory.read(table + 6, 2);
        long high = memory.read(table + 8, 4);
        return OptionalLong.of(high << 32 | middle << 16 | low);
    }
}
