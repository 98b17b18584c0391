package org.backstitch.code.synthesis;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.orc.OrcEntry;
import org.jspecify.annotations.Nullable;

/** The rows that were made for a file, in the order of their addresses, as what they are written down as. Immutable. */
public final class MadeRows {
    private static final int GAP = -1;

    private final ElfFile original;
    private final List<FrameRow> rows;

    /** Where a row or a gap begins, and which. */
    private final long[] addresses;

    private final int[] numbers;
    private final int size;

    private MadeRows(ElfFile original, List<FrameRow> rows, long[] addresses, int[] numbers, int size) {
        this.original = original;
        this.rows = List.copyOf(rows);
        this.addresses = addresses;
        this.numbers = numbers;
        this.size = size;
    }

    /** Collects rows, instruction by instruction, with ascending addresses. */
    static final class Builder {
        private final ElfFile original;
        private final List<FrameRow> rows;
        private long[] addresses = new long[256];
        private int[] numbers = new int[256];
        private int count;
        private int size;
        private int current = GAP;

        /**
         * Nothing collected.
         *
         * @param rows what their numbers mean
         */
        Builder(ElfFile original, List<FrameRow> rows) {
            this.original = original;
            this.rows = rows;
        }

        /** The row of a number holds from an address on. */
        void row(long address, int number) {
            size += add(address, number) ? 1 : 0;
        }

        /** Nothing is known from an address on. */
        void gap(long address) {
            add(address, GAP);
        }

        private boolean add(long address, int number) {
            if (number == current) {
                return false;
            }
            if (count == numbers.length) {
                addresses = Arrays.copyOf(addresses, 2 * count);
                numbers = Arrays.copyOf(numbers, 2 * count);
            }
            addresses[count] = address;
            numbers[count++] = number;
            current = number;
            return true;
        }

        MadeRows build() {
            return new MadeRows(original, rows, Arrays.copyOf(addresses, count), Arrays.copyOf(numbers, count), size);
        }
    }

    /** How many there are, without gaps. */
    public int size() {
        return size;
    }

    /**
     * An ELF file with the rows as its {@code .eh_frame}, at the addresses of the original.
     *
     * @throws IllegalStateException if the original is relocatable: its code has no addresses
     */
    public ElfFile elf() {
        if (original.isRelocatable()) {
            throw new IllegalStateException("the code of a relocatable file has no addresses");
        }
        FrameWriter writer = new FrameWriter(original);
        for (int i = 0; i < numbers.length; i++) {
            if (numbers[i] == GAP) {
                writer.gap(addresses[i]);
            } else {
                writer.row(addresses[i], rows.get(numbers[i]));
            }
        }
        return writer.finish();
    }

    /**
     * Gives the rows as ORC entries, in the order of their addresses, which in a relocatable file are those of
     * {@link org.backstitch.elf.orc.OrcTable#address}; what no entry can say becomes {@link OrcEntry#UNDEFINED}, as do gaps.
     *
     * @return how many rows no entry can say, by the reason
     */
    public <X extends Exception> Map<String, Integer> orc(OrcConversion.Sink<X> sink) throws X {
        Map<String, Integer> refused = new TreeMap<>();
        Map<Integer, OrcRow> entries = new HashMap<>();
        OrcEntry last = OrcEntry.UNDEFINED;
        for (int i = 0; i < numbers.length; i++) {
            OrcEntry entry = OrcEntry.UNDEFINED;
            if (numbers[i] == GAP && i + 1 < numbers.length && addresses[i + 1] == addresses[i]) {
                continue;
            }
            if (numbers[i] != GAP) {
                OrcRow row = entries.computeIfAbsent(numbers[i], number -> OrcRow.of(rows.get(number)));
                @Nullable String reason = row.refusal();
                if (reason != null) {
                    refused.merge(reason, 1, Integer::sum);
                }
                entry = row.entry();
            }
            if (!entry.equals(last)) {
                sink.entry(addresses[i], entry);
                last = entry;
            }
        }
        return refused;
    }
}
