package org.backstitch.dump.kernel;

import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * Finds kallsyms's tables in the memory of a kernel that does not say where they are: VMCOREINFO names them since Linux 6.0 only.
 *
 * <p>From 4.6 to 5.19, {@code scripts/kallsyms.c} wrote them in this order, each aligned to 8 bytes:
 *
 * <pre>
 *   kallsyms_offsets, kallsyms_relative_base   or kallsyms_addresses
 *   kallsyms_num_syms
 *   kallsyms_names
 *   kallsyms_markers       where every 256th name starts, in 64 bits each before 4.20
 *   kallsyms_token_table   256 strings; a character that names use is its own token
 *   kallsyms_token_index   where each of them starts, in 16 bits
 * </pre>
 *
 * <p>All names use digits, so ten tokens are known. They lead to the index, which has to fit the strings; from there on, each table has
 * to end where the next one begins, and what is found is checked to its last name.
 */
final class KallsymsFinder {
    private static final int PAGE_SIZE = PageTables.PAGE_SIZE;

    /** KASLR leaves the kernel's image in this part of its map ({@code KERNEL_IMAGE_SIZE}). */
    private static final long IMAGE_AREA = 1L << 30;

    private static final byte[] DIGITS =
            "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0".getBytes(StandardCharsets.ISO_8859_1);
    private static final int TOKENS = 256;
    private static final int MAX_TOKEN_TABLE = 1 << 12;
    private static final int NAMES_A_MARKER = 256;
    /** No length of a name takes more than a byte before 6.1. */
    private static final int MAX_NAME = 128;

    /** No kernel's image is larger; page tables that map one page everywhere look larger. */
    private static final int MAX_PAGES = 1 << 16;
    /** Places with ten digits that are looked at; real kernels have a handful. */
    private static final int MAX_CANDIDATES = 1 << 12;

    private final KernelMemory memory;
    private int candidates;

    private KallsymsFinder(KernelMemory memory) {
        this.memory = memory;
    }

    /** Where the tables are, by their names; null if there are none. */
    static @Nullable SymbolAddresses find(KernelMemory memory) {
        KallsymsFinder finder = new KallsymsFinder(memory);
        int pages = 0;
        for (long page = VmCore.KERNEL_MAP; page != VmCore.KERNEL_MAP + IMAGE_AREA; page += PAGE_SIZE) {
            if (!memory.isReadable(page, 1)) {
                continue;
            }
            if (++pages > MAX_PAGES) {
                return null;
            }
            SymbolAddresses found = finder.tablesOfPage(page);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private @Nullable SymbolAddresses tablesOfPage(long page) {
        // The digits may begin in one page and end in the next.
        Bytes bytes = memory.bytes(page, PAGE_SIZE + DIGITS.length - 1, "kallsyms");
        if (bytes == null) {
            bytes = memory.bytes(page, PAGE_SIZE, "kallsyms");
        }
        if (bytes == null) {
            return null;
        }
        for (int at = indexOfDigits(bytes, 0); at >= 0; at = indexOfDigits(bytes, at + 1)) {
            SymbolAddresses found = ++candidates > MAX_CANDIDATES ? null : tablesAround(page + at);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private static int indexOfDigits(Bytes bytes, int from) {
        for (int at = from; at + DIGITS.length <= bytes.size(); at++) {
            int i = 0;
            while (i < DIGITS.length && bytes.u8(at + i) == DIGITS[i]) {
                i++;
            }
            if (i == DIGITS.length) {
                return at;
            }
        }
        return -1;
    }

    private @Nullable SymbolAddresses tablesAround(long digits) {
        long first = (digits + DIGITS.length + Long.BYTES - 1) & -Long.BYTES;
        for (long index = first; index < first + MAX_TOKEN_TABLE; index += Long.BYTES) {
            if (!memory.isReadable(index, 2 * TOKENS)) {
                return null;
            }
            long table = digits - u16(index + 2 * '0');
            if (u16(index) == 0 && areTokens(table, index)) {
                return tablesBefore(table, index);
            }
        }
        return null;
    }

    /** Whether each of the index's numbers is where a string starts, and the strings reach up to the index. */
    private boolean areTokens(long table, long index) {
        if (!memory.isReadable(table, (int) (index - table))) {
            return false;
        }
        for (int token = 1; token < TOKENS; token++) {
            int start = u16(index + 2L * token);
            if (start <= u16(index + 2L * (token - 1))
                    || table + start >= index
                    || memory.readByte(table + start - 1) != 0) {
                return false;
            }
        }
        return true;
    }

    private @Nullable SymbolAddresses tablesBefore(long tokenTable, long tokenIndex) {
        for (int width : new int[] {Integer.BYTES, Long.BYTES}) {
            long markers = markersBefore(tokenTable, width);
            OptionalLong names = markers == 0 ? OptionalLong.empty() : namesBefore(markers, tokenTable, width);
            if (names.isPresent()) {
                return places(names.getAsLong(), tokenTable, tokenIndex);
            }
        }
        return null;
    }

    /** The first marker is 0, the others ascend; the last one may be followed by padding. 0 if there is no such table. */
    private long markersBefore(long end, int width) {
        long at = end - width;
        if (isReadable(at, width) && number(at, width) == 0) {
            at -= width;
        }
        while (isReadable(at, width) && isReadable(at - width, width)) {
            long step = number(at, width) - number(at - width, width);
            if (step < 2 * NAMES_A_MARKER || step > (long) NAMES_A_MARKER * MAX_NAME) {
                return 0;
            }
            at -= width;
            if (number(at, width) == 0) {
                return at;
            }
        }
        return 0;
    }

    private OptionalLong namesBefore(long markers, long markersEnd, int width) {
        int count = 0;
        while (markers + (long) width * (count + 1) <= markersEnd
                && (count == 0 || number(markers + (long) width * count, width) != 0)) {
            count++;
        }
        long last = number(markers + (long) width * (count - 1), width);
        for (long names = (markers - last - 1) & -Long.BYTES;
                names >= markers - last - (long) NAMES_A_MARKER * MAX_NAME;
                names -= Long.BYTES) {
            if (!isReadable(names - Long.BYTES, Long.BYTES)) {
                break;
            }
            long symbols = memory.readLong(names - Long.BYTES);
            if (symbols > 0
                    && Math.ceilDiv(symbols, (long) NAMES_A_MARKER) == count
                    && areNames(names, (int) symbols, markers, width)) {
                return OptionalLong.of(names);
            }
        }
        return OptionalLong.empty();
    }

    private boolean areNames(long names, int symbols, long markers, int width) {
        long at = names;
        for (int symbol = 0; symbol < symbols; symbol++) {
            if (at >= markers || !isReadable(at, 1)) {
                return false;
            }
            if (symbol % NAMES_A_MARKER == 0
                    && number(markers + (long) width * (symbol / NAMES_A_MARKER), width) != at - names) {
                return false;
            }
            at += 1 + memory.readByte(at);
        }
        return at <= markers && markers - at < Long.BYTES;
    }

    private @Nullable SymbolAddresses places(long names, long tokenTable, long tokenIndex) {
        long countAt = names - Long.BYTES;
        long symbols = memory.readLong(countAt);
        long before = countAt - Long.BYTES;
        if (!isReadable(before - Long.BYTES, 2 * Long.BYTES)) {
            return null;
        }
        // Before the base are offsets, two of them in a word; in a list of addresses there is another address.
        boolean absolute = Long.compareUnsigned(memory.readLong(before - Long.BYTES), VmCore.KERNEL_MAP) >= 0;
        long offsets = before - ((4 * symbols + Long.BYTES - 1) & -Long.BYTES);
        return name -> switch (name) {
            case "kallsyms_num_syms" -> OptionalLong.of(countAt);
            case "kallsyms_names" -> OptionalLong.of(names);
            case "kallsyms_token_table" -> OptionalLong.of(tokenTable);
            case "kallsyms_token_index" -> OptionalLong.of(tokenIndex);
            case "kallsyms_addresses" -> absolute ? OptionalLong.of(countAt - 8 * symbols) : OptionalLong.empty();
            case "kallsyms_offsets" -> absolute ? OptionalLong.empty() : OptionalLong.of(offsets);
            case "kallsyms_relative_base" -> absolute ? OptionalLong.empty() : OptionalLong.of(before);
            default -> OptionalLong.empty();
        };
    }

    private boolean isReadable(long address, int length) {
        return memory.isReadable(address, length);
    }

    private long number(long address, int width) {
        return memory.read(address, width);
    }

    private int u16(long address) {
        return (int) memory.read(address, Short.BYTES);
    }
}
