package org.backstitch.unwind;

/**
 * A direct-mapped cache from where a frame executes to its rule word, for the rules that {@link PlainRuleCache} does not hold.
 *
 * <p>The key is the vaddr in its file plus the file's tag. A key of 0 marks a free entry; no key is 0, since tags are not.
 */
final class RuleCache {
    private static final int BITS = 12;
    private static final int MASK = (1 << BITS) - 1;

    private final long[] entries = new long[2 << BITS];

    /** Whether the rule of a key is known. */
    boolean holds(long key) {
        return entries[slot(key)] == key;
    }

    /** The rule of a key; only if it is held. */
    long rule(long key) {
        return entries[slot(key) + 1];
    }

    void put(long key, long rule) {
        int slot = slot(key);
        entries[slot] = key;
        entries[slot + 1] = rule;
    }

    private static int slot(long key) {
        return ((int) (key ^ key >>> 41) & MASK) << 1;
    }
}
