package org.backstitch.dump.user;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.Extent;
import org.backstitch.dump.ExtentMap;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.StackDump;

/**
 * The memory of one thread of which only pieces were kept: its stack from the stack pointer on, perhaps other stacks.
 *
 * <p>What is said of addresses beyond follows what recordings say of their stacks: bytes ran out where the address lies above a piece
 * in the same mapping, or where nothing was kept of its mapping and it may have been a stack; everything else is a bad address.
 * Immutable and thread-safe.
 */
final class KeptMemory implements Memory {
    /** How far below a stack an address is taken to be in it, in bytes. */
    private static final long NEAR = 4096;

    private final ProcessMemory pieces;
    private final AddressSpace space;
    private final AddressRanges guards;
    private final long stackPointer;
    private final boolean knowsStack;

    /**
     * @param pieces the bytes that were kept
     * @param space what was mapped; the stack's own mapping is not in it if only code was recorded
     * @param guards mapped addresses that nobody could read
     * @param stackPointer of the thread
     */
    KeptMemory(ExtentMap pieces, AddressSpace space, AddressRanges guards, long stackPointer) {
        this.pieces = new ProcessMemory(pieces, guards, false);
        this.space = space;
        this.guards = guards;
        this.stackPointer = stackPointer;
        this.knowsStack = space.find(stackPointer) != null;
    }

    /** The memory of a recorded stack. */
    static KeptMemory of(StackDump dump, AddressSpace space) {
        ExtentMap.Builder pieces = new ExtentMap.Builder();
        if (dump.length() > 0) {
            Bytes bytes = Bytes.of(dump.segment().asSlice(dump.offset(), dump.length()), "stack");
            pieces.addBehind(dump.address(), bytes);
        }
        return new KeptMemory(pieces.build(), space, new AddressRanges.Builder().build(), dump.address());
    }

    @Override
    public boolean isReadable(long address, int length) {
        return pieces.isReadable(address, length);
    }

    @Override
    public long readLong(long address) {
        return pieces.readLong(address);
    }

    @Override
    public Absence absence(long address) {
        if (guards.contains(address) || !ProcessMemory.isPossible(address)) {
            return Absence.NOT_MAPPED;
        }
        Mapping mapping = space.find(address);
        if (mapping == null) {
            boolean justBelow = Long.compareUnsigned(address, stackPointer) < 0
                    && Long.compareUnsigned(stackPointer - address, NEAR) <= 0;
            return knowsStack || justBelow ? Absence.NOT_MAPPED : Absence.NOT_RECORDED;
        }
        List<Extent> here = piecesIn(mapping);
        if (here.isEmpty()) {
            boolean maybeStack = !mapping.isExecutable() && !mapping.path().startsWith("/");
            return maybeStack ? Absence.NOT_RECORDED : Absence.NOT_MAPPED;
        }
        boolean aboveOne = here.stream().anyMatch(piece -> Long.compareUnsigned(address, piece.address()) >= 0);
        return aboveOne ? Absence.NOT_RECORDED : Absence.NOT_MAPPED;
    }

    private List<Extent> piecesIn(Mapping mapping) {
        List<Extent> here = new ArrayList<>();
        Extent piece = pieces.extents().at(mapping.start());
        if (piece == null) {
            piece = pieces.extents().above(mapping.start());
        }
        while (piece != null && Long.compareUnsigned(piece.address(), mapping.end()) < 0) {
            here.add(piece);
            piece = pieces.extents().above(piece.address());
        }
        return here;
    }
}
