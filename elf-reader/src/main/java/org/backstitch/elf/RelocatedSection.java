package org.backstitch.elf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;

/**
 * A section of a relocatable file with its relocations applied, as if every section were linked at address 0: a reference to another
 * section becomes an offset in that section, and {@link #targetSection} tells in which. Immutable and thread-safe.
 *
 * <p>The relocations that tables and debug information need are known: absolute and PC-relative ones of 8 to 64 bits, and sizes.
 * Those that need a linker's tables (GOT, TLS) leave the bytes as they are and are among the {@link #skipped}.
 */
public final class RelocatedSection {
    /** {@link #targetSection} where nothing was relocated. */
    public static final int NOT_RELOCATED = Integer.MIN_VALUE;

    /**
     * A relocation that was not applied.
     *
     * @param offset in the section
     * @param type {@code R_X86_64_*}
     * @param reason why
     */
    public record Skipped(long offset, int type, String reason) {}

    private static final ValueLayout.OfShort LE_SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE_INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE_LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Bytes data;
    private final long[] offsets;
    private final int[] targets;
    private final List<Skipped> skipped;

    private RelocatedSection(Bytes data, long[] offsets, int[] targets, List<Skipped> skipped) {
        this.data = data;
        this.offsets = offsets;
        this.targets = targets;
        this.skipped = skipped;
    }

    /** The section's bytes, relocated. */
    public Bytes data() {
        return data;
    }

    /**
     * Which section the field at {@code offset} refers to.
     *
     * @param offset where the field starts in the section
     * @return a section index; {@link ElfSymbols#UNDEFINED}, {@link ElfSymbols#ABSOLUTE}, {@link ElfSymbols#COMMON} or
     *     {@link ElfSymbols#SPECIAL} of the symbol that it refers to; {@link #NOT_RELOCATED} if there is no relocation
     */
    public int targetSection(long offset) {
        int at = Arrays.binarySearch(offsets, offset);
        return at < 0 ? NOT_RELOCATED : targets[at];
    }

    /** The relocations that were not applied, in the order of the file. */
    public List<Skipped> skipped() {
        return skipped;
    }

    static RelocatedSection of(ElfFile elf, ElfSection section) {
        List<ElfRelocations> tables = elf.isRelocatable() ? elf.relocationsFor(section) : List.of();
        if (tables.isEmpty()) {
            return new RelocatedSection(section.data(), new long[0], new int[0], List.of());
        }
        return new Applier(section).apply(elf, tables);
    }

    /** The state of one application; {@code S}, {@code A}, {@code P}, {@code Z} are the psABI's letters (§4.4.1). */
    private static final class Applier {
        private final ElfSection section;
        private final Bytes original;
        private final MemorySegment patched;
        private final List<Skipped> skipped = new ArrayList<>();
        private long[] offsets = new long[0];
        private int[] targets = new int[0];
        private int applied;

        Applier(ElfSection section) {
            this.section = section;
            this.original = section.data();
            this.patched = Arena.ofAuto().allocate(original.size());
            patched.copyFrom(original.segment());
        }

        RelocatedSection apply(ElfFile elf, List<ElfRelocations> tables) {
            long total = 0;
            for (ElfRelocations table : tables) {
                total += table.count();
            }
            int capacity = (int) Math.min(total, Integer.MAX_VALUE - 8);
            offsets = new long[capacity];
            targets = new int[capacity];
            for (ElfRelocations table : tables) {
                Optional<ElfSymbols> symbols = elf.symbolTable(table.symbolTableIndex());
                for (int i = 0; i < table.count() && applied < capacity; i++) {
                    apply(table, i, symbols);
                }
            }
            sort();
            return new RelocatedSection(
                    Bytes.of(patched, original.source() + "(" + section.name() + ", relocated)"),
                    offsets,
                    targets,
                    List.copyOf(skipped));
        }

        private void apply(ElfRelocations table, int i, Optional<ElfSymbols> symbols) {
            int type = table.type(i);
            if (type == ElfConstants.R_X86_64_NONE) {
                return;
            }
            long offset = table.offset(i);
            int width = width(type);
            if (width == 0) {
                skipped.add(new Skipped(offset, type, "unsupported type"));
                return;
            }
            if (!original.contains(offset, width)) {
                skipped.add(new Skipped(offset, type, "outside of the section"));
                return;
            }
            int symbol = table.symbol(i);
            long s = 0;
            long z = 0;
            int target = ElfSymbols.ABSOLUTE;
            if (symbol != 0) {
                if (symbols.isEmpty() || symbol < 0 || symbol >= symbols.get().count()) {
                    skipped.add(new Skipped(offset, type, "no symbol " + Integer.toUnsignedString(symbol)));
                    return;
                }
                try {
                    target = symbols.get().sectionIndex(symbol);
                } catch (MalformedInputException e) {
                    skipped.add(new Skipped(offset, type, e.reason()));
                    return;
                }
                // The value of a common symbol is its alignment; it has no place yet.
                boolean placed = target > 0 || target == ElfSymbols.ABSOLUTE;
                s = placed ? symbols.get().value(symbol) : 0;
                z = symbols.get().size(symbol);
            }
            long a = table.hasAddends() ? table.addend(i) : implicitAddend(offset, width);
            write(offset, width, value(type, s, a, offset, z));
            offsets[applied] = offset;
            targets[applied++] = target;
        }

        /** Number of bytes that a relocation changes; 0 for the types that are not supported. */
        private static int width(int type) {
            return switch (type) {
                case ElfConstants.R_X86_64_64, ElfConstants.R_X86_64_PC64, ElfConstants.R_X86_64_SIZE64 -> 8;
                case ElfConstants.R_X86_64_PC32,
                        ElfConstants.R_X86_64_PLT32,
                        ElfConstants.R_X86_64_32,
                        ElfConstants.R_X86_64_32S,
                        ElfConstants.R_X86_64_SIZE32 -> 4;
                case ElfConstants.R_X86_64_16, ElfConstants.R_X86_64_PC16 -> 2;
                case ElfConstants.R_X86_64_8, ElfConstants.R_X86_64_PC8 -> 1;
                default -> 0;
            };
        }

        private static long value(int type, long s, long a, long p, long z) {
            return switch (type) {
                // A reference to a PLT entry is one to the function itself while there is no PLT.
                case ElfConstants.R_X86_64_PC64,
                        ElfConstants.R_X86_64_PC32,
                        ElfConstants.R_X86_64_PLT32,
                        ElfConstants.R_X86_64_PC16,
                        ElfConstants.R_X86_64_PC8 -> s + a - p;
                case ElfConstants.R_X86_64_SIZE32, ElfConstants.R_X86_64_SIZE64 -> z + a;
                default -> s + a;
            };
        }

        private long implicitAddend(long offset, int width) {
            return switch (width) {
                case 8 -> original.i64(offset);
                case 4 -> original.i32(offset);
                case 2 -> (short) original.u16(offset);
                default -> (byte) original.u8(offset);
            };
        }

        private void write(long offset, int width, long value) {
            switch (width) {
                case 8 -> patched.set(LE_LONG, offset, value);
                case 4 -> patched.set(LE_INT, offset, (int) value);
                case 2 -> patched.set(LE_SHORT, offset, (short) value);
                default -> patched.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
            }
        }

        /** By offset. Assemblers write relocations in that order; {@code ld -r} and section groups need not. */
        private void sort() {
            offsets = Arrays.copyOf(offsets, applied);
            targets = Arrays.copyOf(targets, applied);
            boolean sorted = true;
            for (int i = 1; i < applied && sorted; i++) {
                sorted = offsets[i - 1] <= offsets[i];
            }
            if (!sorted) {
                Integer[] order = new Integer[applied];
                Arrays.setAll(order, i -> i);
                Arrays.sort(order, (x, y) -> Long.compare(offsets[x], offsets[y]));
                long[] unsortedOffsets = offsets;
                int[] unsortedTargets = targets;
                offsets = new long[applied];
                targets = new int[applied];
                for (int i = 0; i < applied; i++) {
                    offsets[i] = unsortedOffsets[order[i]];
                    targets[i] = unsortedTargets[order[i]];
                }
            }
        }
    }
}
