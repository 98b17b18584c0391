package org.backstitch.dump.kernel;

import java.util.List;
import org.backstitch.elf.orc.OrcTable;
import org.jspecify.annotations.Nullable;

/**
 * A module that was loaded into a crashed kernel.
 *
 * @param address of its {@code struct module}
 * @param name as {@code lsmod} prints it
 * @param buildId in hexadecimal digits; empty where the kernel does not keep it
 * @param text where its code is; more than one range while it is being initialised
 * @param sections where its sections were placed, as far as the dump has the kernel's record of it
 * @param orc its unwind table, read from the dump's memory; null if it has none, or the dump does not hold it
 */
public record KernelModule(
        long address,
        String name,
        String buildId,
        List<Range> text,
        List<Section> sections,
        @Nullable OrcTable orc) {
    /** Addresses from {@code start} up to, not including, {@code end}; both unsigned. */
    public record Range(long start, long end) {
        /** Whether {@code address} is one of them. */
        public boolean contains(long address) {
            return Long.compareUnsigned(address - start, end - start) < 0;
        }
    }

    /** A section of the module's file, and where it was placed. */
    public record Section(String name, long address) {}

    /** Whether {@code address} is in the module's code. */
    public boolean covers(long address) {
        for (Range range : text) {
            if (range.contains(address)) {
                return true;
            }
        }
        return false;
    }
}
