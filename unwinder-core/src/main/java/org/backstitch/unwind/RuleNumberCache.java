package org.backstitch.unwind;

/**
 * A direct-mapped cache from where a frame executes to the number of its rule in the file's dictionary, for the rules that
 * {@link PlainRuleCache} does not hold.
 *
 * <p>The key is the vaddr in its file plus the file's tag. A key of 0 marks a free entry; no key is 0, since tags are not.
 */
final class RuleNumberCache {
    private static final int BITS = 12;
    private static final int MASK = (1 << BITS) - 1;

    private final long[] entries = new long[2 << BITS];

    /** Whether the number of a key is known. */
    boolean holds(long key) {
        return entries[slot(key)] == key;
    }

    /** The number of a key's rule; only if it is held. */
    int number(long key) {
        return (int) entries[slot(key) + 1];
    }

    void put(long key, int number) {
        int slot = slot(key);
        entries[slot] = key;
        entries[slot + 1] = number;
    }

    private static int slot(long key) {
        return ((int) (key ^ key >>> 41) & MASK) << 1;
    }
}
