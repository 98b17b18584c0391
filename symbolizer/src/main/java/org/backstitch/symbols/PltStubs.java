package org.backstitch.symbols;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfRelocations;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSymbols;
import org.jspecify.annotations.Nullable;

/**
 * The stubs of the procedure linkage table, which no symbol names: {@code .plt} (lazy), {@code .plt.sec} (with IBT the one that is
 * called), {@code .plt.got} (bound at start), {@code .iplt}.
 *
 * <p>Which function a stub leads to is read from its instructions: it jumps through a slot of the GOT, and the relocation of that slot
 * names the symbol; or it pushes the number of its relocation. Nothing is assumed about an order of stubs, which linkers are free to
 * choose.
 */
final class PltStubs {
    private static final int RETPOLINE_STUB_SIZE = 32;
    private static final int DEFAULT_STUB_SIZE = 16;
    private static final int SMALLEST_STUB_SIZE = 8;
    /** No name is decoded beyond this many bytes. */
    private static final int MAX_NAME_SIZE = 1 << 20;

    /**
     * A stub.
     *
     * @param vaddr where it starts
     * @param size in bytes
     * @param target name of the function that it leads to
     */
    record Stub(long vaddr, int size, String target) {}

    private final ElfFile file;
    private final List<Stub> stubs = new ArrayList<>();
    private final Optional<ElfSymbols> symbols;
    private final Slots lazySlots;
    private @Nullable Slots otherSlots;
    private @Nullable Map<Long, String> indirectFunctions;

    private PltStubs(ElfFile file) {
        this.file = file;
        this.symbols = file.dynamicSymbols();
        this.lazySlots = new Slots(file, true);
        for (ElfSection section : file.sections()) {
            if (section.hasFlags(ElfConstants.SHF_EXECINSTR) && !section.isNoBits() && isPlt(section)) {
                read(section);
            }
        }
    }

    /**
     * The stubs of a file.
     *
     * @throws org.backstitch.bytes.MalformedInputException if a section of them, or of their relocations, lies outside of the file
     */
    static PltStubs of(ElfFile file) {
        return new PltStubs(file);
    }

    List<Stub> stubs() {
        return stubs;
    }

    private static boolean isPlt(ElfSection section) {
        return section.isNamed(".plt")
                || section.isNamed(".plt.sec")
                || section.isNamed(".plt.got")
                || section.isNamed(".plt.bnd")
                || section.isNamed(".iplt");
    }

    private void read(ElfSection section) {
        Bytes code = section.data();
        long size = section.entrySize();
        int step = size == SMALLEST_STUB_SIZE || size == DEFAULT_STUB_SIZE || size == RETPOLINE_STUB_SIZE
                ? (int) size
                : DEFAULT_STUB_SIZE;
        for (long at = 0; code.contains(at, SMALLEST_STUB_SIZE); at += step) {
            decode(code, at, section.address(), step);
        }
    }

    /** One stub, in the shapes that ld.bfd, gold, lld and mold write (psABI §5.2, "PLT", and with CET). */
    private void decode(Bytes code, long start, long address, int step) {
        long at = start;
        if (code.contains(at, 4) && code.i32(at) == 0xfa1e0ff3) { // endbr64
            at += 4;
        }
        if (code.contains(at, 6) && code.u16(at) == 0xbb41) { // mov $NUMBER,%r11d (mold)
            at += 6;
        }
        if (code.contains(at, 1) && code.u8(at) == 0xf2) { // bnd
            at += 1;
        }
        if (!code.contains(at, 7)) {
            if (code.contains(at, 6) && code.u16(at) == 0x25ff) {
                addSlot(address + start, step, address + at + 6 + code.i32(at + 2));
            }
        } else if (code.u16(at) == 0x25ff) { // jmp *SLOT(%rip)
            addSlot(address + start, step, address + at + 6 + code.i32(at + 2));
        } else if ((code.i32(at) & 0xff_ffff) == 0x1d8b4c) { // mov SLOT(%rip),%r11 (lld -z retpolineplt)
            addSlot(address + start, Math.max(step, RETPOLINE_STUB_SIZE), address + at + 7 + code.i32(at + 3));
        } else if (code.u8(at) == 0x68) { // push $NUMBER of the relocation
            lazySlots
                    .ofNumber(code.i32(at + 1))
                    .flatMap(this::target)
                    .ifPresent(name -> stubs.add(new Stub(address + start, step, name)));
        }
    }

    private void addSlot(long vaddr, int size, long slot) {
        Optional<Slots.Slot> found = lazySlots.at(slot);
        if (found.isEmpty()) {
            Slots other = otherSlots;
            if (other == null) {
                other = new Slots(file, false);
                otherSlots = other;
            }
            found = other.at(slot);
        }
        found.flatMap(this::target).ifPresent(name -> stubs.add(new Stub(vaddr, size, name)));
    }

    private Optional<String> target(Slots.Slot slot) {
        if (slot.type() == ElfConstants.R_X86_64_IRELATIVE) {
            // Nobody names the slot of a local indirect function; its resolver carries the function's name.
            String name = indirectFunctions().get(slot.addend());
            return Optional.of(name != null ? name : "*ABS*+0x" + Long.toHexString(slot.addend()));
        }
        int symbol = slot.symbol();
        if (symbols.isEmpty() || symbol <= 0 || symbol >= symbols.get().count()) {
            return Optional.empty();
        }
        String name = name(symbols.get(), symbol);
        return name.isEmpty() ? Optional.empty() : Optional.of(name);
    }

    private static String name(ElfSymbols table, int symbol) {
        long at = table.nameOffset(symbol);
        Bytes names = table.names();
        return names.contains(at, 1) ? names.paddedString(at, Math.min(MAX_NAME_SIZE, names.size() - at)) : "";
    }

    private Map<Long, String> indirectFunctions() {
        Map<Long, String> known = indirectFunctions;
        if (known == null) {
            known = new HashMap<>();
            for (Optional<ElfSymbols> table : List.of(file.symbols(), symbols)) {
                if (table.isPresent()) {
                    collectIndirectFunctions(table.get(), known);
                }
            }
            indirectFunctions = known;
        }
        return known;
    }

    private static void collectIndirectFunctions(ElfSymbols table, Map<Long, String> target) {
        for (int i = 1; i < table.count(); i++) {
            if (table.type(i) == ElfConstants.STT_GNU_IFUNC) {
                // Aliases: the one that a program would write, memcpy rather than __memcpy.
                target.merge(
                        table.value(i),
                        name(table, i),
                        (a, b) -> b.isEmpty() || (!a.isEmpty() && underscores(a) <= underscores(b)) ? a : b);
            }
        }
    }

    private static int underscores(String name) {
        int count = 0;
        while (count < name.length() && name.charAt(count) == '_') {
            count++;
        }
        return count;
    }

    /** GOT slots with the relocations that fill them. */
    private static final class Slots {
        record Slot(int type, int symbol, long addend) {}

        private record Entry(ElfRelocations table, int index) {
            long address() {
                return table.offset(index);
            }

            Slot slot() {
                return new Slot(table.type(index), table.symbol(index), table.addend(index));
            }
        }

        private final List<ElfRelocations> tables = new ArrayList<>();
        private final long[] addresses;
        private final Entry[] byAddress;

        /** @param lazy whether to take the table that lazy stubs mean when they push a number, or the others */
        Slots(ElfFile file, boolean lazy) {
            for (ElfSection section : file.sections()) {
                if (section.isAllocated() && isLazyTable(section) == lazy) {
                    file.relocations(section).ifPresent(tables::add);
                }
            }
            List<Entry> entries = new ArrayList<>();
            for (ElfRelocations table : tables) {
                collect(table, entries);
            }
            long[] unsorted = new long[entries.size()];
            for (int i = 0; i < unsorted.length; i++) {
                unsorted[i] = entries.get(i).address();
            }
            int[] order = UnsignedSort.order(unsorted);
            byAddress = new Entry[order.length];
            addresses = new long[order.length];
            for (int i = 0; i < order.length; i++) {
                byAddress[i] = entries.get(order[i]);
                // Flipping the sign bit turns the order of unsigned numbers into that of signed ones.
                addresses[i] = unsorted[order[i]] ^ Long.MIN_VALUE;
            }
        }

        private static boolean isLazyTable(ElfSection section) {
            return section.isNamed(".rela.plt") || section.isNamed(".rel.plt") || section.isNamed(".rela.iplt");
        }

        private static void collect(ElfRelocations table, List<Entry> target) {
            for (int i = 0; i < table.count(); i++) {
                switch (table.type(i)) {
                    case ElfConstants.R_X86_64_JUMP_SLOT,
                            ElfConstants.R_X86_64_GLOB_DAT,
                            ElfConstants.R_X86_64_64,
                            ElfConstants.R_X86_64_IRELATIVE -> target.add(new Entry(table, i));
                    default -> {}
                }
            }
        }

        Optional<Slot> at(long address) {
            int at = Arrays.binarySearch(addresses, address ^ Long.MIN_VALUE);
            return at < 0 ? Optional.empty() : Optional.of(byAddress[at].slot());
        }

        /** The slot of a relocation by its number in the first table, as lazy stubs count. */
        Optional<Slot> ofNumber(int number) {
            return tables.isEmpty() || number < 0 || number >= tables.getFirst().count()
                    ? Optional.empty()
                    : Optional.of(new Entry(tables.getFirst(), number).slot());
        }
    }
}
