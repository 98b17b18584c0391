package org.backstitch.unwind;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is mapped where in a process at one moment. Immutable; changes make new ones.
 */
public final class AddressSpace {
    /** Nothing is mapped. */
    public static final AddressSpace EMPTY = new AddressSpace(new Mapping[0], null);

    private final Mapping[] mappings;
    private final long[] starts;

    /** The mappings of code whose rules are at hand, as the hot loop of a walk wants them: where they start, and {@link #TEXT} longs each. */
    private final Mapping[] textMappings;

    private final long[] textStarts;
    private final long[] texts;

    static final int TEXT = 4;
    static final int TEXT_START = 0;
    static final int TEXT_SIZE = 1;

    /** What to subtract from an address for its key in {@link PlainRuleCache}. */
    static final int TEXT_KEY_BIAS = 2;

    /** Whether the text's rules can be cached there: 1 or 0. */
    static final int TEXT_CACHED = 3;

    /**
     * @param before the space that this one came from: where code is mapped as it was there, the two share what the hot loop reads
     */
    private AddressSpace(Mapping[] sorted, @Nullable AddressSpace before) {
        mappings = sorted;
        starts = new long[sorted.length];
        for (int i = 0; i < sorted.length; i++) {
            starts[i] = sorted[i].start();
        }
        // Made for every change that samples lie behind: loops, where a stream would take longer than all else.
        int count = 0;
        for (Mapping mapping : sorted) {
            count += isText(mapping) ? 1 : 0;
        }
        textMappings = new Mapping[count];
        count = 0;
        for (Mapping mapping : sorted) {
            if (isText(mapping)) {
                textMappings[count++] = mapping;
            }
        }
        if (before != null && Arrays.equals(textMappings, before.textMappings)) {
            textStarts = before.textStarts;
            texts = before.texts;
            return;
        }
        textStarts = new long[textMappings.length];
        texts = new long[textMappings.length * TEXT];
        for (int i = 0; i < textMappings.length; i++) {
            Mapping text = textMappings[i];
            ElfModule module = text.module();
            textStarts[i] = text.start();
            texts[i * TEXT + TEXT_START] = text.start();
            texts[i * TEXT + TEXT_SIZE] = text.end() - text.start();
            int file = module == null ? 0 : module.id();
            texts[i * TEXT + TEXT_KEY_BIAS] = text.vaddrBias() + PlainRuleCache.keyBias(file);
            texts[i * TEXT + TEXT_CACHED] = PlainRuleCache.canHold(file, text.vaddr(text.end())) ? 1 : 0;
        }
    }

    private static boolean isText(Mapping mapping) {
        return mapping.start() >= 0 && mapping.isExecutable() && mapping.module() != null;
    }

    /** Which mapping of code with rules holds an address, or -1. */
    int findText(long address) {
        int first = 0;
        int count = textStarts.length;
        if (count == 0 || address < 0) {
            return -1; // code of user space lies in the lower half
        }
        while (count > 1) {
            int half = count >>> 1;
            // Without a branch, which could not be predicted: all ones if the mapping starts at or below the address.
            first += half & (int) (textStarts[first + half] - address - 1 >> 63);
            count -= half;
        }
        return isInText(texts, first * TEXT, address) ? first : -1;
    }

    /** Whether the mapping that is described at {@code text} holds an address. */
    static boolean isInText(long[] texts, int text, long address) {
        return Long.compareUnsigned(address - texts[text + TEXT_START], texts[text + TEXT_SIZE]) < 0;
    }

    /**
     * The {@link #TEXT} longs of every mapping of code. As long as only other memory is mapped and unmapped it is the same array, so that
     * it stands for what the rules of code at any address are.
     */
    long[] texts() {
        return texts;
    }

    /** A mapping of code, by what {@link #findText} gave. */
    Mapping textMapping(int text) {
        return textMappings[text];
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
        // Each takes the place of what it overlaps, and may leave a piece on either side.
        Mapping[] result = Arrays.copyOf(mappings, mappings.length + 2 * added.size());
        int count = mappings.length;
        for (Mapping mapping : added) {
            count = place(result, count, mapping);
        }
        return new AddressSpace(Arrays.copyOf(result, count), this);
    }

    /** Puts a mapping among the first {@code count}, where there is room for two more; gives how many there are then. */
    private static int place(Mapping[] sorted, int count, Mapping mapping) {
        int from = 0;
        int behind = count;
        while (from < behind) {
            int middle = (from + behind) >>> 1;
            if (Long.compareUnsigned(sorted[middle].end(), mapping.start()) <= 0) {
                from = middle + 1;
            } else {
                behind = middle;
            }
        }
        while (behind < count && Long.compareUnsigned(sorted[behind].start(), mapping.end()) < 0) {
            behind++;
        }
        Mapping head = null;
        Mapping tail = null;
        if (from < behind) {
            Mapping first = sorted[from];
            Mapping last = sorted[behind - 1];
            if (Long.compareUnsigned(first.start(), mapping.start()) < 0) {
                head = first.part(first.start(), mapping.start());
            }
            if (Long.compareUnsigned(last.end(), mapping.end()) > 0) {
                tail = last.part(mapping.end(), last.end());
            }
        }
        int pieces = 1 + (head == null ? 0 : 1) + (tail == null ? 0 : 1);
        System.arraycopy(sorted, behind, sorted, from + pieces, count - behind);
        int at = from;
        if (head != null) {
            sorted[at++] = head;
        }
        sorted[at++] = mapping;
        if (tail != null) {
            sorted[at] = tail;
        }
        return count - (behind - from) + pieces;
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
