package org.backstitch.unwind;

/**
 * A direct-mapped cache from where a frame executes to its rule: one for each walker.
 *
 * <p>The key is the vaddr in its file plus the file's tag, so that all processes that map a file share its entries. Key and rule lie
 * side by side, in one line of the processor's cache. A key of 0 marks a free entry; no key is 0, since tags are not.
 */
final class RuleCache {
    private static final int BITS = 16;
    private static final int MASK = (1 << BITS) - 1;

    private final long[] entries = new long[2 << BITS];

    /** Pairs of key and rule. */
    long[] entries() {
        return entries;
    }

    /**
     * Where the pair of a key lies. Neighbouring code falls on neighbouring entries; the tag moves each file's code by another 2,048 of
     * them.
     */
    static int slot(long key) {
        return ((int) (key ^ key >>> 37) & MASK) << 1;
    }
}
