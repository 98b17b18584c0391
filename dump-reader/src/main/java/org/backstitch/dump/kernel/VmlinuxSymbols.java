package org.backstitch.dump.kernel;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfSymbols;
import org.jspecify.annotations.Nullable;

/**
 * Symbols of vmlinux, moved to where KASLR put the kernel. All names of the table are hashed once, without making strings of them: a
 * kernel has a quarter of a million.
 */
final class VmlinuxSymbols implements SymbolAddresses {
    private final ElfSymbols table;
    private final long kernelOffset;
    /** Numbers of symbols plus 1, hashed by name with linear probing; 0 is a free slot. */
    private final int[] slots;

    private final Map<String, OptionalLong> found = new HashMap<>();

    /** @param kernelOffset how far KASLR moved the kernel, in bytes */
    VmlinuxSymbols(ElfSymbols table, long kernelOffset) {
        this.table = table;
        this.kernelOffset = kernelOffset;
        slots = new int[Math.max(2, Integer.highestOneBit(table.count() + 1) << 1)];
        for (int symbol = 0; symbol < table.count(); symbol++) {
            if (isUsable(symbol)) {
                int slot = hash(table.names(), table.nameOffset(symbol)) & (slots.length - 1);
                while (slots[slot] != 0) {
                    slot = (slot + 1) & (slots.length - 1);
                }
                slots[slot] = symbol + 1;
            }
        }
    }

    private boolean isUsable(int symbol) {
        return switch (table.type(symbol)) {
            case ElfConstants.STT_NOTYPE, ElfConstants.STT_OBJECT, ElfConstants.STT_FUNC ->
                table.sectionIndex(symbol) != ElfSymbols.UNDEFINED;
            default -> false;
        };
    }

    private static int hash(Bytes names, long offset) {
        int hash = 0;
        for (long at = offset; at < names.size(); at++) {
            int b = names.u8(at);
            if (b == 0) {
                break;
            }
            hash = 31 * hash + b;
        }
        return hash ^ hash >>> 16;
    }

    private static int hash(String name) {
        int hash = 0;
        for (int i = 0; i < name.length(); i++) {
            hash = 31 * hash + name.charAt(i); // the names that are looked for are ASCII
        }
        return hash ^ hash >>> 16;
    }

    @Override
    public OptionalLong address(String name) {
        OptionalLong known = found.get(name);
        if (known == null) {
            known = find(name);
            found.put(name, known);
        }
        return known;
    }

    private OptionalLong find(String name) {
        @Nullable Long best = null;
        boolean bestIsGlobal = false;
        int slot = hash(name) & (slots.length - 1);
        for (int entry = slots[slot]; entry != 0; entry = slots[slot]) {
            int symbol = entry - 1;
            boolean global = table.bind(symbol) == ElfConstants.STB_GLOBAL;
            if ((best == null || global && !bestIsGlobal) && table.name(symbol).equals(name)) {
                best = moved(table.value(symbol), kernelOffset);
                bestIsGlobal = global;
            }
            slot = (slot + 1) & (slots.length - 1);
        }
        return best == null ? OptionalLong.empty() : OptionalLong.of(best);
    }

    /**
     * A linked address as KASLR moved it. What is linked below the kernel's map does not move: per-CPU variables of kernels that link
     * them from zero, and absolute numbers.
     */
    static long moved(long vaddr, long kernelOffset) {
        return Long.compareUnsigned(vaddr, VmCore.KERNEL_MAP) >= 0 ? vaddr + kernelOffset : vaddr;
    }
}
