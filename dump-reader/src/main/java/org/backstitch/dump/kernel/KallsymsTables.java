package org.backstitch.dump.kernel;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * The symbols that a kernel keeps in its own memory ({@code CONFIG_KALLSYMS}), decoded from a dump ({@code kernel/kallsyms.c},
 * {@code scripts/kallsyms.c}).
 *
 * <p>Five tables: {@code kallsyms_num_syms}, how many there are; {@code kallsyms_names}, for each a length (in one byte, or since 6.1 in
 * two if the first one's top bit is set) and as many token numbers; {@code kallsyms_token_table} and {@code kallsyms_token_index}, the
 * 256 tokens of which a symbol's type letter and name are put together; and the addresses, in one of four ways:
 *
 * <ul>
 *   <li>{@code kallsyms_addresses}: 64-bit addresses (before 4.6, and without {@code CONFIG_KALLSYMS_BASE_RELATIVE});
 *   <li>{@code kallsyms_offsets} from {@code kallsyms_relative_base}, unsigned;
 *   <li>the same of a kernel whose per-CPU variables are linked from zero: offsets of 0 and more are absolute values, and negative ones
 *       count backwards from the base minus 1;
 *   <li>{@code kallsyms_offsets} without a base (seen in 7.2): each counts from the place where it stands.
 * </ul>
 *
 * <p>The tables move with the kernel, and what they hold are addresses of the running kernel. Immutable.
 */
final class KallsymsTables implements SymbolAddresses {
    private static final int TOKENS = 256;
    private static final int MAX_NAME = 512; // KSYM_NAME_LEN
    private static final int MAX_NAMES_SIZE = 1 << 28;

    private final long[] addresses;
    private final byte[] names;
    /** Where each symbol's name starts in {@link #names}: behind its type letter. One more marks the end. */
    private final int[] nameStarts;

    private final char[] types;
    private @Nullable Map<String, Long> byName;

    private KallsymsTables(long[] addresses, char[] types, byte[] names, int[] nameStarts) {
        this.addresses = addresses;
        this.types = types;
        this.names = names;
        this.nameStarts = nameStarts;
    }

    /**
     * Decodes the tables.
     *
     * @param places where the tables are: by VMCOREINFO (since 6.0), or by vmlinux
     * @return null if a table's place is not known, or the dump does not hold it all
     * @throws MalformedInputException if what is there cannot be such tables
     */
    static @Nullable KallsymsTables read(KernelMemory memory, SymbolAddresses places, String source) {
        OptionalLong count = places.address("kallsyms_num_syms");
        OptionalLong namesAt = places.address("kallsyms_names");
        OptionalLong tokensAt = places.address("kallsyms_token_table");
        OptionalLong indexAt = places.address("kallsyms_token_index");
        if (count.isEmpty()
                || namesAt.isEmpty()
                || tokensAt.isEmpty()
                || indexAt.isEmpty()
                || !memory.isReadable(count.getAsLong(), Integer.BYTES)) {
            return null;
        }
        byte @Nullable [][] tokens = tokens(memory, tokensAt.getAsLong(), indexAt.getAsLong());
        if (tokens == null) {
            return null;
        }
        long claimed = Integer.toUnsignedLong(memory.readInt(count.getAsLong()));
        return new Decoder(memory, tokens, source).decode(claimed, namesAt.getAsLong(), places);
    }

    private static byte @Nullable [][] tokens(KernelMemory memory, long table, long index) {
        byte[][] tokens = new byte[TOKENS][];
        for (int i = 0; i < TOKENS; i++) {
            if (!memory.isReadable(index + 2L * i, Short.BYTES)) {
                return null;
            }
            long at = table + memory.read(index + 2L * i, Short.BYTES);
            if (!memory.isReadable(at, 1)) {
                return null;
            }
            tokens[i] = memory.readString(at, MAX_NAME).getBytes(StandardCharsets.UTF_8);
        }
        return tokens;
    }

    /** Grows the arrays by what it really reads; the number of symbols that the dump claims only ends it. */
    private static final class Decoder {
        private final KernelMemory memory;
        private final byte[][] tokens;
        private final String source;
        private long[] addresses = new long[1024];
        private char[] types = new char[1024];
        private int[] starts = new int[1024];
        private byte[] names = new byte[1 << 16];
        private int namesSize;
        private int size;

        Decoder(KernelMemory memory, byte[][] tokens, String source) {
            this.memory = memory;
            this.tokens = tokens;
            this.source = source;
        }

        @Nullable
        KallsymsTables decode(long count, long namesAt, SymbolAddresses places) {
            long at = namesAt;
            while (size < count) {
                if (!memory.isReadable(at, 2)) {
                    return null;
                }
                int length = memory.readByte(at++);
                if ((length & 0x80) != 0) {
                    length = length & 0x7f | memory.readByte(at++) << 7;
                }
                if (length == 0 || !memory.isReadable(at, length)) {
                    return null;
                }
                addName(at, length);
                at += length;
            }
            if (!readAddresses(places)) {
                return null;
            }
            starts = Arrays.copyOf(starts, size + 1);
            starts[size] = namesSize;
            return new KallsymsTables(
                    Arrays.copyOf(addresses, size),
                    Arrays.copyOf(types, size),
                    Arrays.copyOf(names, namesSize),
                    starts);
        }

        private void addName(long at, int length) {
            if (size == addresses.length) {
                addresses = Arrays.copyOf(addresses, 2 * size);
                types = Arrays.copyOf(types, 2 * size);
                starts = Arrays.copyOf(starts, 2 * size);
            }
            starts[size] = namesSize;
            boolean first = true;
            for (int i = 0; i < length; i++) {
                byte[] token = tokens[memory.readByte(at + i)];
                for (byte b : token) {
                    if (first) {
                        types[size] = (char) (b & 0xff);
                        first = false;
                    } else if (namesSize - starts[size] < MAX_NAME) {
                        if (namesSize == MAX_NAMES_SIZE) {
                            throw malformed(at, "names of more than " + MAX_NAMES_SIZE + " bytes");
                        }
                        if (namesSize == names.length) {
                            names = Arrays.copyOf(names, 2 * namesSize);
                        }
                        names[namesSize++] = b;
                    }
                }
            }
            size++;
        }

        private boolean readAddresses(SymbolAddresses places) {
            OptionalLong absolute = places.address("kallsyms_addresses");
            OptionalLong offsets = places.address("kallsyms_offsets");
            if (absolute.isPresent()) {
                return fill(absolute.getAsLong(), Long.BYTES);
            }
            if (offsets.isEmpty() || !fill(offsets.getAsLong(), Integer.BYTES)) {
                return false;
            }
            OptionalLong baseAt = places.address("kallsyms_relative_base");
            if (baseAt.isEmpty()) {
                for (int i = 0; i < size; i++) {
                    addresses[i] = offsets.getAsLong() + 4L * i + (int) addresses[i];
                }
                return true;
            }
            if (!memory.isReadable(baseAt.getAsLong(), Long.BYTES)) {
                return false;
            }
            long base = memory.readLong(baseAt.getAsLong());
            boolean absoluteBelow = false;
            for (int i = 0; i < size; i++) {
                absoluteBelow |= (int) addresses[i] < 0;
            }
            for (int i = 0; i < size; i++) {
                int offset = (int) addresses[i];
                if (!absoluteBelow) {
                    addresses[i] = base + offset;
                } else if (offset < 0) {
                    addresses[i] = base - 1 - offset;
                }
            }
            return true;
        }

        /** The numbers of {@code width} bytes at {@code at}, as unsigned ones, into {@link #addresses}. */
        private boolean fill(long at, int width) {
            for (int i = 0; i < size; i++) {
                long place = at + (long) width * i;
                if (!memory.isReadable(place, width)) {
                    return false;
                }
                addresses[i] = memory.read(place, width);
            }
            return true;
        }

        private MalformedInputException malformed(long at, String what) {
            return new MalformedInputException(source, at, "kallsyms in the dump has " + what);
        }
    }

    /** Number of symbols. */
    int size() {
        return addresses.length;
    }

    /** The address of a symbol by its number, in the running kernel. */
    long address(int symbol) {
        return addresses[symbol];
    }

    /** The type letter that {@code nm} would print. */
    char type(int symbol) {
        return types[symbol];
    }

    String name(int symbol) {
        return new String(
                names, nameStarts[symbol], nameStarts[symbol + 1] - nameStarts[symbol], StandardCharsets.UTF_8);
    }

    /** Writes all symbols as {@code /proc/kallsyms} shows them. */
    void writeTo(ByteArrayOutputStream text) {
        for (int i = 0; i < size(); i++) {
            writeLine(text, addresses[i], types[i]);
            text.write(names, nameStarts[i], nameStarts[i + 1] - nameStarts[i]);
            text.write('\n');
        }
    }

    /** The start of a line of {@code /proc/kallsyms}, up to the name. */
    static void writeLine(ByteArrayOutputStream text, long address, char type) {
        for (int shift = Long.SIZE - 4; shift >= 0; shift -= 4) {
            text.write(Character.forDigit((int) (address >>> shift) & 15, 16));
        }
        text.write(' ');
        text.write(type);
        text.write(' ');
    }

    @Override
    public OptionalLong address(String name) {
        Map<String, Long> index = byName;
        if (index == null) {
            index = new HashMap<>(2 * size());
            for (int i = size() - 1; i >= 0; i--) {
                index.put(name(i), addresses[i]);
            }
            byName = index;
        }
        Long address = index.get(name);
        return address == null ? OptionalLong.empty() : OptionalLong.of(address);
    }
}
