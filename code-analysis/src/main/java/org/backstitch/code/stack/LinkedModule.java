package org.backstitch.code.stack;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfRelocations;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSymbols;
import org.jspecify.annotations.Nullable;

/** What a linked file says about places outside of its code: its memory image, and its dynamic relocations. */
final class LinkedModule implements ModuleCode.Surroundings {
    private static final int R_X86_64_64 = 1;
    private static final int R_X86_64_GLOB_DAT = 6;
    private static final int R_X86_64_JUMP_SLOT = 7;
    private static final int R_X86_64_RELATIVE = 8;

    private final ElfFile elf;
    private final long base;
    private final Map<Integer, String> imports = new HashMap<>();

    /** Sorted: a place in the upper half, the place that its pointer points to in the lower. */
    private long[] pointers = new long[64];

    private int pointerCount;
    private int unreadableTables;

    LinkedModule(ElfFile elf, long base) {
        this.elf = elf;
        this.base = base;
        for (ElfSection section : elf.sections()) {
            if (section.isAllocated() && !readAll(section)) {
                unreadableTables++;
            }
        }
        Arrays.sort(pointers, 0, pointerCount);
    }

    /** Reads the relocations that a section holds, if it holds any; returns false if they are malformed. */
    private boolean readAll(ElfSection section) {
        try {
            elf.relocations(section).ifPresent(this::read);
            return true;
        } catch (MalformedInputException e) {
            return false;
        }
    }

    /** How many tables of relocations are malformed: some names are not known then, and what follows such calls is decided less often. */
    int unreadableTables() {
        return unreadableTables;
    }

    private void read(ElfRelocations table) {
        Optional<ElfSymbols> symbols = elf.symbolTable(table.symbolTableIndex());
        for (int i = 0; i < table.count(); i++) {
            int type = table.type(i);
            long offset = table.offset(i) - base;
            if ((int) offset != offset) {
                continue;
            }
            if (type == R_X86_64_RELATIVE) {
                addPointer((int) offset, table.addend(i) - base);
            } else if (type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT || type == R_X86_64_64) {
                int symbol = table.symbol(i);
                if (symbols.isPresent() && symbol > 0 && symbol < symbols.get().count()) {
                    addSymbol((int) offset, symbols.get(), symbol, table.addend(i));
                }
            }
        }
    }

    private void addSymbol(int place, ElfSymbols symbols, int symbol, long addend) {
        int section = symbols.sectionIndex(symbol);
        if (section == ElfSymbols.UNDEFINED) {
            imports.put(place, symbols.name(symbol));
        } else if (section > 0 && symbols.type(symbol) != ElfConstants.STT_GNU_IFUNC) {
            addPointer(place, symbols.value(symbol) + addend - base);
        }
    }

    private void addPointer(int place, long target) {
        if ((int) target == target) {
            if (pointerCount == pointers.length) {
                pointers = Arrays.copyOf(pointers, 2 * pointerCount);
            }
            pointers[pointerCount++] = (long) place << 32 | target & 0xffff_ffffL;
        }
    }

    @Override
    public @Nullable Bytes bytesFrom(int place) {
        return elf.bytesFrom(base + place).orElse(null);
    }

    @Override
    public @Nullable String importAt(int place) {
        return imports.get(place);
    }

    @Override
    public int pointerAt(int place) {
        int at = Arrays.binarySearch(pointers, 0, pointerCount, (long) place << 32 | 0L);
        at = at < 0 ? -at - 1 : at;
        if (at < pointerCount && (int) (pointers[at] >> 32) == place) {
            return (int) pointers[at];
        }
        // A program that is not moved when it is loaded has its pointers in place.
        if (elf.type() == ElfConstants.ET_EXEC) {
            Bytes bytes = bytesFrom(place);
            if (bytes != null && bytes.size() >= 8) {
                long target = bytes.i64(0) - base;
                return (int) target == target ? (int) target : ModuleCode.NOWHERE;
            }
        }
        return ModuleCode.NOWHERE;
    }

    @Override
    public ModuleCode.@Nullable Data section(String name) {
        ElfSection section = elf.section(name).orElse(null);
        if (section == null || section.isNoBits()) {
            return null;
        }
        long place = section.address() - base;
        return (int) place == place ? new ModuleCode.Data((int) place, section.data()) : null;
    }
}
