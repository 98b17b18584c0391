package org.backstitch.dump.user;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;

/**
 * What the dynamic linker has loaded, read from its own list in the memory of the process: {@code struct r_debug} and
 * {@code struct link_map} of {@code <link.h>}, the interface that debuggers use.
 */
final class LinkMap {
    // struct r_debug, and r_debug_extended of version 2, which has a next one for each namespace of dlmopen(3).
    private static final int R_MAP = 8;
    private static final int R_NEXT = 40;

    // struct link_map.
    private static final int L_ADDR = 0;
    private static final int L_NAME = 8;
    private static final int L_LD = 16;
    private static final int L_NEXT = 24;

    private static final long DT_DEBUG = 21;
    private static final int DYNAMIC_ENTRY = 16;

    /** {@code PATH_MAX}. */
    private static final int LONGEST_NAME = 4096;

    /** No process loads more; a list in a damaged memory may have no end. */
    private static final int MOST_OBJECTS = 1 << 16;

    /**
     * An object that was loaded.
     *
     * @param bias what was added to its vaddrs
     * @param name its path; empty for the program itself
     * @param dynamic the address of its dynamic section
     */
    record Loaded(long bias, String name, long dynamic) {}

    private LinkMap() {}

    /**
     * The vaddr bias of the program, from its program headers in memory.
     *
     * @param address of the headers: AT_PHDR
     * @param headers the headers themselves
     */
    static long bias(long address, Bytes headers) {
        for (long at = 0; headers.contains(at, ElfHeaders.PROGRAM_HEADER); at += ElfHeaders.PROGRAM_HEADER) {
            if (ElfHeaders.type(headers, at) == ElfConstants.PT_PHDR) {
                return address - ElfHeaders.vaddr(headers, at);
            }
        }
        // Static programs have no PT_PHDR. Their headers follow the ELF header, which is at the start of the first
        // segment.
        for (long at = 0; headers.contains(at, ElfHeaders.PROGRAM_HEADER); at += ElfHeaders.PROGRAM_HEADER) {
            if (ElfHeaders.type(headers, at) == ElfConstants.PT_LOAD && ElfHeaders.fileOffset(headers, at) == 0) {
                return address - ElfHeaders.ELF_HEADER - ElfHeaders.vaddr(headers, at);
            }
        }
        return 0;
    }

    /** Where the dynamic section of the program is; empty for one that was linked statically. */
    static OptionalLong dynamicVaddr(Bytes headers) {
        for (long at = 0; headers.contains(at, ElfHeaders.PROGRAM_HEADER); at += ElfHeaders.PROGRAM_HEADER) {
            if (ElfHeaders.type(headers, at) == ElfConstants.PT_DYNAMIC) {
                return OptionalLong.of(ElfHeaders.vaddr(headers, at));
            }
        }
        return OptionalLong.empty();
    }

    /**
     * Everything in the dynamic linker's lists.
     *
     * @param dynamic the address of the program's dynamic section, which has a DT_DEBUG for debuggers
     */
    static List<Loaded> read(ProcessMemory memory, long dynamic) {
        List<Loaded> loaded = new ArrayList<>();
        Set<Long> seen = new HashSet<>();
        long debug = debugOf(memory, dynamic);
        while (debug != 0 && seen.add(debug)) {
            long version = memory.word(debug).orElse(0) & 0xffff_ffffL;
            long map = memory.word(debug + R_MAP).orElse(0);
            while (map != 0 && seen.add(map) && loaded.size() < MOST_OBJECTS) {
                long name = memory.word(map + L_NAME).orElse(0);
                OptionalLong bias = memory.word(map + L_ADDR);
                OptionalLong own = memory.word(map + L_LD);
                if (bias.isPresent() && own.isPresent()) {
                    loaded.add(new Loaded(
                            bias.getAsLong(), memory.string(name, LONGEST_NAME).orElse(""), own.getAsLong()));
                }
                map = memory.word(map + L_NEXT).orElse(0);
            }
            debug = version >= 2 ? memory.word(debug + R_NEXT).orElse(0) : 0;
        }
        return loaded;
    }

    private static long debugOf(ProcessMemory memory, long dynamic) {
        for (int i = 0; i < MOST_OBJECTS; i++) {
            OptionalLong tag = memory.word(dynamic + (long) i * DYNAMIC_ENTRY);
            OptionalLong value = memory.word(dynamic + (long) i * DYNAMIC_ENTRY + 8);
            if (tag.isEmpty() || value.isEmpty() || tag.getAsLong() == 0) {
                return 0;
            }
            if (tag.getAsLong() == DT_DEBUG) {
                return value.getAsLong();
            }
        }
        return 0;
    }

    /** Whether a file's dynamic section would be where a loaded object has its own. */
    static boolean isAt(ElfFile elf, Loaded object) {
        return elf.segments().stream()
                .filter(segment -> segment.type() == ElfConstants.PT_DYNAMIC)
                .anyMatch(segment -> segment.vaddr() + object.bias() == object.dynamic());
    }
}
