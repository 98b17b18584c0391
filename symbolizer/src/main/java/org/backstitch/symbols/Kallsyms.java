package org.backstitch.symbols;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * The symbols of a running kernel and its modules as {@code /proc/kallsyms} lists them: a line {@code ADDRESS TYPE NAME}, for a
 * module's symbol with {@code [MODULE]} behind it. Immutable for its users, and thread-safe.
 *
 * <p>Code symbols count (types {@code t}, {@code T}, {@code w}, {@code W}). There are no sizes: the nearest one at or below an address
 * names it. The last one before the symbols of another module, or at the very end, reaches to the end of the page after the one that it
 * starts in: what lies beyond has no name here. Of several at one address, global comes before weak before local, then the one with
 * fewer leading underscores, then the first of the file.
 */
public final class Kallsyms implements SymbolIndex {
    private static final long PAGE_SIZE = 4096;

    private final Bytes text;
    private final long[] starts;
    /** First address that a symbol does not reach. */
    private final long[] ends;

    private final long[] nameOffsets;
    private final int[] nameLengths;
    private final short[] modules;
    private final String[] moduleNames;
    private final @Nullable String[] names;
    private final int malformedLines;

    private Kallsyms(Reader reader) {
        this.text = reader.text;
        this.malformedLines = reader.malformedLines;
        this.moduleNames = reader.moduleIndices.keySet().toArray(String[]::new);
        int[] order = UnsignedSort.order(Arrays.copyOf(reader.addresses, reader.count));
        int kept = 0;
        int[] best = new int[order.length];
        for (int candidate : order) {
            if (kept > 0 && reader.addresses[best[kept - 1]] == reader.addresses[candidate]) {
                if (reader.isBetter(candidate, best[kept - 1])) {
                    best[kept - 1] = candidate;
                }
            } else {
                best[kept++] = candidate;
            }
        }
        starts = new long[kept];
        ends = new long[kept];
        nameOffsets = new long[kept];
        nameLengths = new int[kept];
        modules = new short[kept];
        names = new @Nullable String[kept];
        for (int i = 0; i < kept; i++) {
            int from = best[i];
            starts[i] = reader.addresses[from];
            nameOffsets[i] = reader.nameOffsets[from];
            nameLengths[i] = reader.nameLengths[from];
            modules[i] = reader.modules[from];
        }
        for (int i = 0; i < kept; i++) {
            boolean last = i + 1 == kept || modules[i + 1] != modules[i];
            long next = i + 1 == kept ? -1 : starts[i + 1];
            long page = (starts[i] & -PAGE_SIZE) + 2 * PAGE_SIZE;
            ends[i] = last && Long.compareUnsigned(page, next) < 0 && page != 0 ? page : next;
        }
    }

    /**
     * Reads the text of {@code /proc/kallsyms} or of a copy.
     *
     * @throws MalformedInputException if it is none, or if all its addresses are zero: then the reader was not allowed to see them
     *     ({@code kernel.kptr_restrict})
     */
    public static Kallsyms of(Bytes text) {
        return of(text, false);
    }

    /**
     * The same, but of several symbols at one address the first of the list, as the kernel's own look-up has it
     * ({@code get_symbol_pos}): so its stack traces can be compared.
     */
    public static Kallsyms inKernelOrder(Bytes text) {
        return of(text, true);
    }

    private static Kallsyms of(Bytes text, boolean inKernelOrder) {
        Reader reader = new Reader(text, inKernelOrder);
        reader.read();
        if (reader.lines == 0) {
            throw text.malformed(0, "expected lines of kallsyms (ADDRESS TYPE NAME)");
        }
        if (!reader.anyAddress) {
            throw text.malformed(0, "kallsyms without addresses: they were hidden from whoever copied it");
        }
        return new Kallsyms(reader);
    }

    /** Number of distinct addresses with a symbol. */
    public int count() {
        return starts.length;
    }

    /** Number of lines that could not be read. */
    public int malformedLines() {
        return malformedLines;
    }

    /**
     * The symbol of an address.
     *
     * @param address in the kernel that the list is of
     */
    @Override
    public int find(long address) {
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
        return low > 0 && Long.compareUnsigned(address, ends[low - 1]) < 0 ? low - 1 : NONE;
    }

    @Override
    public String name(int symbol) {
        String known = names[symbol];
        if (known == null) {
            known = text.paddedString(nameOffsets[symbol], nameLengths[symbol]);
            names[symbol] = known;
        }
        return known;
    }

    @Override
    public long start(int symbol) {
        return starts[symbol];
    }

    /** The module that a symbol belongs to, in brackets: {@code [btrfs]}; empty for the kernel itself. */
    public Optional<String> module(int symbol) {
        int module = modules[symbol];
        return module == 0 ? Optional.empty() : Optional.of(moduleNames[module - 1]);
    }

    /**
     * The address of a symbol of any kind by its name; of the kernel itself, not of a module. It reads the text again, so it is for a
     * few questions ({@code _text}), not for many.
     *
     * @return the first one of that name; empty if there is none
     */
    public OptionalLong addressOf(String name) {
        byte[] wanted = name.getBytes(StandardCharsets.UTF_8);
        TextLines line = new TextLines(text);
        while (line.next()) {
            boolean good = line.hex() && line.blanks() && line.character() != 0 && line.blanks();
            long nameOffset = line.position();
            if (good && line.word() == wanted.length && !line.blanks() && isAt(nameOffset, wanted)) {
                return OptionalLong.of(line.number());
            }
        }
        return OptionalLong.empty();
    }

    /**
     * The addresses of all symbols of the kernel itself, of any kind, by their names; of several with one name, the first one's. It
     * reads the text again, and is as large as the text.
     */
    public Map<String, Long> kernelAddresses() {
        Map<String, Long> addresses = new HashMap<>();
        TextLines line = new TextLines(text);
        while (line.next()) {
            boolean good = line.hex() && line.blanks() && line.character() != 0 && line.blanks();
            long nameOffset = line.position();
            int nameLength = good ? line.word() : 0;
            if (nameLength != 0 && !line.blanks()) {
                addresses.putIfAbsent(text.paddedString(nameOffset, nameLength), line.number());
            }
        }
        return addresses;
    }

    private boolean isAt(long offset, byte[] wanted) {
        for (int i = 0; i < wanted.length; i++) {
            if (text.u8(offset + i) != (wanted[i] & 0xff)) {
                return false;
            }
        }
        return true;
    }

    private static final class Reader {
        private static final int MAX_MODULES = Short.MAX_VALUE;

        private final Bytes text;
        private final boolean inKernelOrder;
        private final Map<String, Short> moduleIndices = new LinkedHashMap<>();
        private long[] addresses = new long[1 << 12];
        private long[] nameOffsets = new long[1 << 12];
        private int[] nameLengths = new int[1 << 12];
        private short[] modules = new short[1 << 12];
        private byte[] bindings = new byte[1 << 12];
        private int count;
        private long lines;
        private boolean anyAddress;
        private int malformedLines;

        Reader(Bytes text, boolean inKernelOrder) {
            this.text = text;
            this.inKernelOrder = inKernelOrder;
        }

        void read() {
            TextLines line = new TextLines(text);
            String lastModule = "";
            short lastIndex = 0;
            while (line.next()) {
                if (line.isBlank()) {
                    continue;
                }
                boolean good = line.hex() && line.blanks();
                long address = line.number();
                int type = line.character();
                good = good && type != 0 && line.blanks();
                long nameOffset = line.position();
                int nameLength = line.word();
                if (!good || nameLength == 0) {
                    malformedLines++;
                    continue;
                }
                lines++;
                anyAddress |= address != 0;
                if (!isCode(type)) {
                    continue;
                }
                short module = 0;
                if (line.blanks()) {
                    String name = line.rest();
                    if (!name.equals(lastModule)) {
                        lastModule = name;
                        lastIndex = moduleIndex(name);
                    }
                    module = lastIndex;
                }
                add(address, binding(type), nameOffset, nameLength, module);
            }
        }

        private static boolean isCode(int type) {
            return type == 't' || type == 'T' || type == 'w' || type == 'W';
        }

        private static int binding(int type) {
            return switch (type) {
                case 'T' -> 0;
                case 'w', 'W' -> 1;
                default -> 2;
            };
        }

        private short moduleIndex(String name) {
            if (!name.startsWith("[") || !name.endsWith("]") || moduleIndices.size() == MAX_MODULES) {
                return 0;
            }
            return moduleIndices.computeIfAbsent(name, key -> (short) (moduleIndices.size() + 1));
        }

        private void add(long address, int binding, long nameOffset, int nameLength, short module) {
            if (count == addresses.length) {
                int larger = count * 2;
                addresses = Arrays.copyOf(addresses, larger);
                nameOffsets = Arrays.copyOf(nameOffsets, larger);
                nameLengths = Arrays.copyOf(nameLengths, larger);
                modules = Arrays.copyOf(modules, larger);
                bindings = Arrays.copyOf(bindings, larger);
            }
            addresses[count] = address;
            bindings[count] = (byte) binding;
            nameOffsets[count] = nameOffset;
            nameLengths[count] = nameLength;
            modules[count] = module;
            count++;
        }

        boolean isBetter(int a, int b) {
            if (inKernelOrder) {
                return a < b;
            }
            int byBinding = Integer.compare(bindings[a], bindings[b]);
            if (byBinding != 0) {
                return byBinding < 0;
            }
            int byUnderscores = Integer.compare(leadingUnderscores(a), leadingUnderscores(b));
            return byUnderscores != 0 ? byUnderscores < 0 : a < b;
        }

        private int leadingUnderscores(int symbol) {
            int n = 0;
            while (n < nameLengths[symbol] && text.u8(nameOffsets[symbol] + n) == '_') {
                n++;
            }
            return n;
        }
    }
}
