package org.backstitch.unwind;

/**
 * The cache of walks that recover all registers: as {@link RuleCache}, with the saved registers' word and the number in the dictionary
 * beside the rule.
 */
final class FullRuleCache {
    static final int RULE = 1;
    static final int SAVED = 2;
    static final int NUMBER = 3;

    private static final int BITS = 14;
    private static final int MASK = (1 << BITS) - 1;

    private final long[] entries = new long[4 << BITS];

    /** Groups of key, rule, saved registers and number. */
    long[] entries() {
        return entries;
    }

    /** Where the group of a key lies. */
    static int slot(long key) {
        return ((int) (key ^ key >>> 37) & MASK) << 2;
    }
}
