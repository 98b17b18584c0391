package org.backstitch.elf;

import java.util.Iterator;
import java.util.NoSuchElementException;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * A symbol table read in place: no object a symbol, so that an index over some hundred thousand of them costs no more than the index.
 * Immutable and thread-safe.
 *
 * <p>Symbol 0 is the reserved one, undefined and nameless. Iteration gives all of them, it included.
 */
public final class ElfSymbols implements Iterable<ElfSymbol> {
    /** {@link #sectionIndex} of a symbol that is defined in another file. */
    public static final int UNDEFINED = 0;
    /** {@link #sectionIndex} of a symbol whose value is not an address ({@code SHN_ABS}). */
    public static final int ABSOLUTE = -1;
    /** {@link #sectionIndex} of a common symbol, which a link will give a place ({@code SHN_COMMON}). */
    public static final int COMMON = -2;
    /** {@link #sectionIndex} of a symbol with another reserved index. */
    public static final int SPECIAL = -3;

    /** Size of an {@code Elf64_Sym} in bytes. */
    static final int ENTRY_SIZE = 24;

    private final Bytes entries;
    private final Bytes names;
    private final @Nullable Bytes extendedIndices;
    private final int count;

    /**
     * A view of a symbol table.
     *
     * @param entries the table; what is left at its end of less than a symbol is ignored
     * @param names the string table
     * @param extendedIndices content of the {@code SHT_SYMTAB_SHNDX} section that goes with it, where there is one
     */
    ElfSymbols(Bytes entries, Bytes names, @Nullable Bytes extendedIndices) {
        this.entries = entries;
        this.names = names;
        this.extendedIndices = extendedIndices;
        // 2^31 symbols would be a table of 48 GiB; a file that has more is read as far as an int counts.
        this.count = (int) Math.min(entries.size() / ENTRY_SIZE, Integer.MAX_VALUE);
    }

    /** Number of symbols. */
    public int count() {
        return count;
    }

    /** {@code st_value}: see {@link ElfSymbol#value}. */
    public long value(int symbol) {
        return entries.i64(at(symbol) + 8);
    }

    /** {@code st_size} in bytes, unsigned. */
    public long size(int symbol) {
        return entries.i64(at(symbol) + 16);
    }

    /** One of {@code ElfConstants.STT_*}. */
    public int type(int symbol) {
        return entries.u8(at(symbol) + 4) & 0xf;
    }

    /** One of {@code ElfConstants.STB_*}. */
    public int bind(int symbol) {
        return entries.u8(at(symbol) + 4) >> 4;
    }

    /** {@code STV_*}: 0 default, 1 internal, 2 hidden, 3 protected. */
    public int visibility(int symbol) {
        return entries.u8(at(symbol) + 5) & 3;
    }

    /**
     * Index of the section that the symbol is defined in, taken from the extended table where it does not fit the symbol; negative for
     * the special indices.
     *
     * @throws MalformedInputException if the extended table is wanted but does not hold the symbol
     */
    public int sectionIndex(int symbol) {
        int index = entries.u16(at(symbol) + 6);
        if (index < ElfConstants.SHN_LORESERVE) {
            return index;
        }
        return switch (index) {
            case ElfConstants.SHN_ABS -> ABSOLUTE;
            case ElfConstants.SHN_COMMON -> COMMON;
            case ElfConstants.SHN_XINDEX -> extendedIndex(symbol);
            default -> SPECIAL;
        };
    }

    private int extendedIndex(int symbol) {
        Bytes extended = extendedIndices;
        if (extended == null || !extended.contains(symbol * 4L, 4)) {
            throw entries.malformed(
                    at(symbol) + 6,
                    "symbol " + symbol + " has an extended section index, but there is no table of them");
        }
        int index = extended.i32(symbol * 4L);
        return index < 0 ? SPECIAL : index;
    }

    /** Offset of the symbol's name in {@link #names}; 0 is the empty name. */
    public long nameOffset(int symbol) {
        return entries.u32(at(symbol));
    }

    /** The string table that holds the names, each ended by a NUL. */
    public Bytes names() {
        return names;
    }

    /**
     * The symbol's name.
     *
     * @throws MalformedInputException if it lies outside of the string table, or does not end
     */
    public String name(int symbol) {
        return names.cString(nameOffset(symbol));
    }

    /** All of a symbol. */
    public ElfSymbol get(int symbol) {
        return new ElfSymbol(
                name(symbol),
                value(symbol),
                size(symbol),
                type(symbol),
                bind(symbol),
                visibility(symbol),
                sectionIndex(symbol));
    }

    @Override
    public Iterator<ElfSymbol> iterator() {
        return new Iterator<>() {
            private int next;

            @Override
            public boolean hasNext() {
                return next < count;
            }

            @Override
            public ElfSymbol next() {
                if (next == count) {
                    throw new NoSuchElementException();
                }
                return get(next++);
            }
        };
    }

    private long at(int symbol) {
        if (symbol < 0 || symbol >= count) {
            throw entries.malformed(
                    (long) symbol * ENTRY_SIZE, "there is no symbol " + symbol + ", only " + count + " of them");
        }
        return (long) symbol * ENTRY_SIZE;
    }
}
