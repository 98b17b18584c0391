package org.backstitch.symbols;

/**
 * Names of code by address. Immutable and thread-safe; {@link #find} neither allocates nor decodes anything, so that a name costs only
 * once, when it is first wanted.
 *
 * <p>A symbol is an {@code int} that means something to the index that gave it.
 */
public interface SymbolIndex {
    /** What {@link #find} says of an address that no symbol names. */
    int NONE = -1;

    /**
     * The symbol that names an address.
     *
     * @param address unsigned; in which space, the index says
     * @return {@link #NONE} if there is none
     */
    int find(long address);

    /** The symbol's name, as it is recorded: mangled. */
    String name(int symbol);

    /** The address that the symbol stands for, in the space that {@link #find} takes. */
    long start(int symbol);
}
