package org.backstitch.dump.user;

import java.util.OptionalLong;
import org.backstitch.dump.Extent;
import org.backstitch.dump.ExtentMap;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.machine.Memory;

/**
 * Memory of a running process for the walk of one thread: the stacks that were copied while it was held, and code as it is.
 * Remembers what else was wanted. Not thread-safe.
 */
final class CopiedMemory implements Memory {
    private final KeptMemory copied;
    private final ExtentMap pieces;
    private final AddressSpace space;
    private final ProcessCode code;
    private OptionalLong lastMissing = OptionalLong.empty();

    CopiedMemory(KeptMemory copied, ExtentMap pieces, AddressSpace space, ProcessCode code) {
        this.copied = copied;
        this.pieces = pieces;
        this.space = space;
        this.code = code;
    }

    @Override
    public boolean isReadable(long address, int length) {
        return copied.isReadable(address, length) || code.isReadable(address, length);
    }

    @Override
    public long readLong(long address) {
        return copied.isReadable(address, Long.BYTES) ? copied.readLong(address) : code.readLong(address);
    }

    @Override
    public Absence absence(long address) {
        lastMissing = OptionalLong.of(address);
        return copied.absence(address);
    }

    /** The last address of which was asked why it is not there. */
    OptionalLong lastMissing() {
        return lastMissing;
    }

    /** Whether a copied piece begins below an address in the same mapping: then as much was copied as may be. */
    boolean reaches(long address) {
        Mapping mapping = space.find(address);
        if (mapping == null) {
            return true; // nothing to copy from
        }
        for (Extent piece : pieces.extents()) {
            if (mapping.contains(piece.address()) && Long.compareUnsigned(piece.address(), address) <= 0) {
                return true;
            }
        }
        return false;
    }
}
