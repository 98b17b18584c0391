package org.backstitch.unwind;

/**
 * Finds the mapping of code that an address lies in, beginning with the two that were found last: a chain goes from a program into a
 * library and back, and the next chain does so again.
 *
 * <p>Not thread-safe.
 */
final class RecentTexts {
    private long[] texts = AddressSpace.EMPTY.texts();
    private int last;
    private int before;

    /**
     * Finds a mapping of a space.
     *
     * @return where in {@link AddressSpace#texts} it is described; negative if no code with rules is mapped there
     */
    @SuppressWarnings("ReferenceEquality") // the array stands for the mappings as an identity
    int find(AddressSpace space, long address) {
        long[] now = space.texts();
        if (now != texts) {
            texts = now;
            last = 0;
            before = 0;
        }
        int found = before;
        if (now.length == 0 || !AddressSpace.isInText(now, found, address)) {
            if (now.length != 0 && AddressSpace.isInText(now, last, address)) {
                return last;
            }
            found = space.findText(address) * AddressSpace.TEXT;
            if (found < 0) {
                return found;
            }
        }
        before = last;
        last = found;
        return found;
    }
}
