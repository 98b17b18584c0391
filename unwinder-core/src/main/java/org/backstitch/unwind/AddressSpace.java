package org.backstitch.unwind;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is mapped where in a process at one moment. Immutable; changes make new ones.
 */
public final class AddressSpace {
    /** Nothing is mapped. */
    public static final AddressSpace EMPTY = new AddressSpace(new Mapping[0]);

    private final Mapping[] mappings;
    private final long[] starts;

    private AddressSpace(Mapping[] sorted) {
        mappings = sorted;
        starts = new long[sorted.length];
        for (int i = 0; i < sorted.length; i++) {
            starts[i] = sorted[i].start();
        }
    }

    /** The space that has all of these mappings, later ones taking the place of what they overlap. */
    public static AddressSpace of(Collection<Mapping> mappings) {
        return EMPTY.with(mappings);
    }

    /** This space after another mapping was made: whatever it overlaps is gone, as {@code mmap(2)} with {@code MAP_FIXED} has it. */
    public AddressSpace with(Mapping mapping) {
        return with(List.of(mapping));
    }

    /** This space after several mappings were made, one after the other. */
    public AddressSpace with(Collection<Mapping> added) {
        List<Mapping> result = new ArrayList<>(List.of(mappings));
        for (Mapping mapping : added) {
            place(result, mapping);
        }
        return new AddressSpace(result.toArray(Mapping[]::new));
    }

    private static void place(List<Mapping> sorted, Mapping mapping) {
        int from = 0;
        int to = sorted.size();
        while (from < to) {
            int middle = (from + to) >>> 1;
            if (Long.compareUnsigned(sorted.get(middle).end(), mapping.start()) <= 0) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        int behind = from;
        List<Mapping> pieces = new ArrayList<>(3);
        pieces.add(mapping);
        while (behind < sorted.size() && Long.compareUnsigned(sorted.get(behind).start(), mapping.end()) < 0) {
            Mapping old = sorted.get(behind++);
            if (Long.compareUnsigned(old.start(), mapping.start()) < 0) {
                pieces.addFirst(old.part(old.start(), mapping.start()));
            }
            if (Long.compareUnsigned(old.end(), mapping.end()) > 0) {
                pieces.addLast(old.part(mapping.end(), old.end()));
            }
        }
        List<Mapping> replaced = sorted.subList(from, behind);
        replaced.clear();
        replaced.addAll(pieces);
    }

    /** The mapping that holds an address, or null. */
    public @Nullable Mapping find(long address) {
        int low = 0;
        int high = starts.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(starts[middle], address) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low == 0) {
            return null;
        }
        Mapping found = mappings[low - 1];
        return found.contains(address) ? found : null;
    }

    /** All mappings, by ascending address. */
    public List<Mapping> mappings() {
        return List.of(mappings);
    }

    @Override
    public String toString() {
        return mappings.length + " mappings";
    }
}
