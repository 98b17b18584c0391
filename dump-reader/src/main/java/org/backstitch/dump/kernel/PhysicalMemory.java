package org.backstitch.dump.kernel;

import org.backstitch.dump.Extent;
import org.jspecify.annotations.Nullable;

/**
 * The physical memory that a dump holds. Implementations are immutable and may be read by any number of threads; callers cache what
 * they get.
 */
@FunctionalInterface
interface PhysicalMemory {
    /**
     * The bytes around a physical address: an extent that contains it, of any size.
     *
     * @param paddr physical address in bytes; unsigned
     * @return null if the dump does not hold the address
     * @throws org.backstitch.bytes.MalformedInputException if the dump claims to hold it, and what it has there is broken
     */
    @Nullable
    Extent at(long paddr);
}
