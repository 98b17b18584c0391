package org.backstitch.dump;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * Which bytes of a dump hold which addresses: disjoint extents in ascending order. Immutable and thread-safe.
 *
 * <p>Dumps may describe an address more than once (kdump's {@code /proc/vmcore} has the kernel's text in a segment of its own and
 * again in that of the memory around it; a flattened file rewrites its headers): the builder is told which description wins.
 */
public final class ExtentMap {
    /** The map of a dump that holds nothing. */
    public static final ExtentMap EMPTY = new ExtentMap(List.of());

    private final long[] starts;
    private final Extent[] extents;

    private ExtentMap(List<Extent> sorted) {
        extents = sorted.toArray(Extent[]::new);
        starts = new long[extents.length];
        for (int i = 0; i < extents.length; i++) {
            starts[i] = extents[i].address();
        }
    }

    /** The extent that holds the byte at {@code address}, or null if none does. */
    public @Nullable Extent at(long address) {
        int index = floor(address);
        return index >= 0 && extents[index].contains(address, 1) ? extents[index] : null;
    }

    /** The first extent that starts above {@code address}, or null if there is none. */
    public @Nullable Extent above(long address) {
        int index = floor(address) + 1;
        return index < extents.length ? extents[index] : null;
    }

    /** All extents, by ascending unsigned address. */
    public List<Extent> extents() {
        return List.of(extents);
    }

    /** Whether the map holds nothing. */
    public boolean isEmpty() {
        return extents.length == 0;
    }

    /** Index of the last extent that starts at or below {@code address}; -1 if there is none. */
    private int floor(long address) {
        int low = 0;
        int high = starts.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(starts[middle], address) <= 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return high;
    }

    /** Collects extents that may overlap. */
    public static final class Builder {
        /** Disjoint pieces by their start. */
        private final TreeMap<Long, Extent> pieces = new TreeMap<>(Long::compareUnsigned);

        /**
         * What the pieces cover, neighbours joined: the last address by the first. A dump may describe the same memory over and over;
         * so each description costs what it adds.
         */
        private final TreeMap<Long, Long> covered = new TreeMap<>(Long::compareUnsigned);

        /** A builder of an empty map. */
        public Builder() {}

        /**
         * Adds the bytes from {@code address} on; where an earlier description covers a part of them, the earlier one stays. What
         * would reach beyond the end of the address space is left out.
         */
        public Builder addBehind(long address, Bytes bytes) {
            long size = clip(address, bytes.size());
            if (size == 0) {
                return this;
            }
            long end = address + size;
            long at = address;
            while (at != end) {
                Map.Entry<Long, Long> below = covered.floorEntry(at);
                if (below != null && Long.compareUnsigned(at, below.getValue()) <= 0) {
                    boolean beyond = Long.compareUnsigned(below.getValue(), end - 1) >= 0;
                    at = beyond ? end : below.getValue() + 1;
                    continue;
                }
                Long next = covered.higherKey(at);
                long until = next == null || !isBelow(next, end, address) ? end : next;
                pieces.put(at, new Extent(at, bytes.slice(at - address, until - at)));
                at = until;
            }
            cover(address, end - 1);
            return this;
        }

        /** Everything from {@code first} to {@code last} is covered from now on. */
        private void cover(long first, long last) {
            long from = first;
            long to = last;
            Map.Entry<Long, Long> below = covered.floorEntry(first);
            if (below != null && Long.compareUnsigned(first, below.getValue()) <= 0) {
                from = below.getKey();
                to = Long.compareUnsigned(below.getValue(), to) > 0 ? below.getValue() : to;
            } else if (below != null && below.getValue() == first - 1) {
                from = below.getKey();
            }
            Map.Entry<Long, Long> next = covered.ceilingEntry(from);
            while (next != null
                    && (Long.compareUnsigned(next.getKey(), to) <= 0 || next.getKey() == to + 1 && to != -1)) {
                to = Long.compareUnsigned(next.getValue(), to) > 0 ? next.getValue() : to;
                covered.remove(next.getKey());
                next = covered.ceilingEntry(from);
            }
            covered.put(from, to);
        }

        /** Adds the bytes from {@code address} on; they replace what earlier descriptions say of the same addresses. */
        public Builder addOver(long address, Bytes bytes) {
            long size = clip(address, bytes.size());
            if (size == 0) {
                return this;
            }
            long end = address + size;
            Map.Entry<Long, Extent> below = pieces.lowerEntry(address);
            if (below != null && below.getValue().contains(address, 1)) {
                Extent old = below.getValue();
                pieces.put(old.address(), old.part(old.address(), address - old.address()));
                keepTail(old, end);
            }
            Map.Entry<Long, Extent> covered = pieces.ceilingEntry(address);
            while (covered != null && isBelow(covered.getKey(), end, address)) {
                pieces.remove(covered.getKey());
                keepTail(covered.getValue(), end);
                covered = pieces.ceilingEntry(address);
            }
            pieces.put(address, new Extent(address, bytes.slice(0, size)));
            cover(address, end - 1);
            return this;
        }

        private void keepTail(Extent old, long end) {
            if (end != 0 && old.contains(end, 1)) {
                pieces.put(end, old.part(end, old.size()));
            }
        }

        /** Whether {@code candidate} lies below {@code end}, both being at or above {@code start}; {@code end} may have wrapped to 0. */
        private static boolean isBelow(long candidate, long end, long start) {
            return Long.compareUnsigned(candidate - start, end - start) < 0;
        }

        /** How many of {@code size} bytes from {@code address} on fit below the end of the address space. */
        private static long clip(long address, long size) {
            long room = -address; // 2^64 - address; 0 for address 0, where everything fits
            return address == 0 || Long.compareUnsigned(size, room) <= 0 ? size : room;
        }

        /** The map of what was added. Neighbours that also follow each other in one source stay separate. */
        public ExtentMap build() {
            return pieces.isEmpty() ? EMPTY : new ExtentMap(new ArrayList<>(pieces.values()));
        }
    }
}
