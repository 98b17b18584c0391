package org.backstitch.code.stack;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
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
 * A relocatable file, such as a kernel module, laid out as if it were linked: its allocated sections one after the other, and behind them
 * a place for each function that other modules define.
 */
final class RelocatableModule implements ModuleCode.Surroundings {
    private static final ValueLayout.OfInt LE_INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int ALIGNMENT = 64;
    private static final int IMPORT_SIZE = 16;

    private final ElfFile elf;
    private final Map<Integer, Integer> placeOfSection = new HashMap<>();
    private final Map<Integer, Bytes> bytesOfSection = new HashMap<>();
    private final Map<String, Integer> placeOfImport = new HashMap<>();
    private final Map<Integer, String> imports = new HashMap<>();
    private final Map<Integer, Integer> pointers = new HashMap<>();
    private int end;

    private RelocatableModule(ElfFile elf) {
        this.elf = elf;
    }

    static ModuleCode of(ElfFile elf, Arena arena) {
        RelocatableModule module = new RelocatableModule(elf);
        List<ElfSection> sections = new ArrayList<>();
        for (ElfSection section : elf.sections()) {
            if (section.isAllocated() && section.size() > 0) {
                sections.add(section);
                module.place(section);
            }
        }
        List<ModuleCode.Part> parts = new ArrayList<>();
        for (ElfSection section : sections) {
            if (!section.isNoBits()) {
                MemorySegment bytes = module.relocate(section, arena);
                if (section.hasFlags(ElfConstants.SHF_EXECINSTR)) {
                    parts.add(new ModuleCode.Part(
                            module.placeOfSection.getOrDefault(section.index(), 0),
                            (int) bytes.byteSize(),
                            (long) section.index() << 32,
                            section.name(),
                            bytes));
                }
            }
        }
        if (parts.isEmpty()) {
            throw elf.bytes().malformed(0, "no executable code in it");
        }
        boolean kernel = elf.section(".orc_unwind").isPresent();
        return new ModuleCode(elf.bytes().source(), 0, kernel, parts, module, 0);
    }

    private void place(ElfSection section) {
        long next = (long) end + section.size() + ALIGNMENT;
        if (section.size() < 0 || next > Integer.MAX_VALUE / 2) {
            throw elf.bytes().malformed(section.fileOffset(), "sections of more than 1 GiB");
        }
        placeOfSection.put(section.index(), end);
        end = (int) next & -ALIGNMENT;
    }

    private MemorySegment relocate(ElfSection section, Arena arena) {
        Bytes original = section.data();
        MemorySegment patched = arena.allocate(Math.max(1, original.size())).asSlice(0, original.size());
        patched.copyFrom(original.segment());
        for (ElfRelocations table : elf.relocationsFor(section)) {
            Optional<ElfSymbols> symbols = elf.symbolTable(table.symbolTableIndex());
            if (symbols.isPresent()) {
                for (int i = 0; i < table.count(); i++) {
                    apply(section, patched, table, i, symbols.get());
                }
            }
        }
        bytesOfSection.put(section.index(), Bytes.of(patched, original.source()));
        return patched;
    }

    private void apply(ElfSection section, MemorySegment patched, ElfRelocations table, int i, ElfSymbols symbols) {
        long offset = table.offset(i);
        int type = table.type(i);
        int symbol = table.symbol(i);
        int width = type == ElfConstants.R_X86_64_64 ? 8 : 4;
        if (offset < 0 || offset > patched.byteSize() - width || symbol < 0 || symbol >= symbols.count()) {
            return;
        }
        int target = placeOf(symbols, symbol);
        if (target == ModuleCode.NOWHERE) {
            return;
        }
        int place = placeOfSection.getOrDefault(section.index(), 0) + (int) offset;
        long value = target + table.addend(i);
        switch (type) {
            case ElfConstants.R_X86_64_PC32, ElfConstants.R_X86_64_PLT32 ->
                patched.set(LE_INT, offset, (int) (value - place));
            case ElfConstants.R_X86_64_32, ElfConstants.R_X86_64_32S -> patched.set(LE_INT, offset, (int) value);
            case ElfConstants.R_X86_64_64 -> pointers.put(place, (int) value);
            default -> {
                // What else there is does not lead to code.
            }
        }
    }

    private int placeOf(ElfSymbols symbols, int symbol) {
        int section = symbols.sectionIndex(symbol);
        if (section == ElfSymbols.UNDEFINED) {
            return symbol == 0 ? ModuleCode.NOWHERE : placeOfImport(symbols.name(symbol));
        }
        Integer start = placeOfSection.get(section);
        long value = symbols.value(symbol);
        return start == null || value < 0 || value > Integer.MAX_VALUE / 2 ? ModuleCode.NOWHERE : start + (int) value;
    }

    private int placeOfImport(String name) {
        Integer known = placeOfImport.get(name);
        if (known == null) {
            if (end > Integer.MAX_VALUE - IMPORT_SIZE) {
                return ModuleCode.NOWHERE;
            }
            known = end;
            end += IMPORT_SIZE;
            placeOfImport.put(name, known);
            imports.put(known, name);
        }
        return known;
    }

    @Override
    public @Nullable Bytes bytesFrom(int place) {
        for (Map.Entry<Integer, Bytes> entry : bytesOfSection.entrySet()) {
            long offset = (long) place - placeOfSection.getOrDefault(entry.getKey(), 0);
            if (offset >= 0 && offset < entry.getValue().size()) {
                return entry.getValue().from(offset);
            }
        }
        return null;
    }

    @Override
    public @Nullable String importAt(int place) {
        return imports.get(place);
    }

    @Override
    public int pointerAt(int place) {
        return pointers.getOrDefault(place, ModuleCode.NOWHERE);
    }

    @Override
    public ModuleCode.@Nullable Data section(String name) {
        int index = elf.section(name).map(ElfSection::index).orElse(-1);
        Bytes bytes = bytesOfSection.get(index);
        return bytes == null ? null : new ModuleCode.Data(placeOfSection.getOrDefault(index, 0), bytes);
    }
}
