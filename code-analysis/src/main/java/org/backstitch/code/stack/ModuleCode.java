package org.backstitch.code.stack;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.ElfSegment;
import org.jspecify.annotations.Nullable;

/**
 * The code of one module and what it refers to: the ground that an analysis stands on.
 *
 * <p>Inside, every place has a number of 31 bits, its <em>place</em> in the module's space, so that words and tables stay small. In a
 * linked file the place is the distance from the lowest executable address; in a relocatable one the sections are laid out one after the
 * other, with relocations applied, and an address is a section's number in the upper 32 bits and an offset in the lower, as
 * {@link org.backstitch.elf.orc.OrcTable} has it. Immutable; valid as long as the arena that it was made with.
 */
public final class ModuleCode {
    /** For an address that is no place. */
    public static final int NOWHERE = Integer.MIN_VALUE;

    /**
     * A run of executable bytes.
     *
     * @param place of the first byte
     * @param size in bytes
     * @param address of the first byte
     * @param name the section's, or empty
     * @param code the bytes, in native memory
     */
    public record Part(int place, int size, long address, String name, MemorySegment code) {
        /** The place behind the last byte. */
        public int end() {
            return place + size;
        }

        /** Whether it holds the stubs of a procedure linkage table, an entry each 16 bytes. */
        public boolean isLinkageTable() {
            return name.startsWith(".plt");
        }
    }

    /** A section's bytes and the place of the first. */
    record Data(int place, Bytes bytes) {}

    /** What the module says about places outside of its code. */
    interface Surroundings {
        /** The bytes from a place on, as far as the file has them in one piece; null where it has none. */
        @Nullable
        Bytes bytesFrom(int place);

        /** The name of the function that the pointer or stub at a place stands for; null where it is none of another module's. */
        @Nullable
        String importAt(int place);

        /** The place that the pointer at a place points to; {@link #NOWHERE} where that is not known. */
        int pointerAt(int place);

        /** The section of a name, relocated; null where there is none. */
        @Nullable
        Data section(String name);
    }

    private final String source;
    private final long base;
    private final boolean kernel;
    private final Part[] parts;
    private final Surroundings surroundings;
    private final long entry;
    private final Map<String, Boolean> noReturnNames = new ConcurrentHashMap<>();

    ModuleCode(String source, long base, boolean kernel, List<Part> parts, Surroundings surroundings, long entry) {
        this.source = source;
        this.base = base;
        this.kernel = kernel;
        this.parts = parts.toArray(Part[]::new);
        Arrays.sort(this.parts, Comparator.comparingInt(Part::place));
        this.surroundings = surroundings;
        this.entry = entry;
    }

    /**
     * The code of an ELF file.
     *
     * @param arena owns copies of code, where copies are needed
     * @throws MalformedInputException if the file has no code, only holes where it was, or more than 2 GiB of it
     */
    public static ModuleCode of(ElfFile elf, Arena arena) {
        ModuleCode module = elf.isRelocatable() ? RelocatableModule.of(elf, arena) : linked(elf, arena);
        if (MissingCode.isIn(module.parts())) {
            throw elf.bytes().malformed(0, "a copy without its code: zeros are in the place of instructions");
        }
        return module;
    }

    /** Code that is in memory without a file, such as what a JIT compiler made. */
    public static ModuleCode of(Bytes code, long address, Arena arena) {
        MemorySegment bytes = Capstone.nativeCode(code, arena);
        Part part = new Part(0, size(code), address, "", bytes);
        return new ModuleCode(code.source(), address, false, List.of(part), new Nothing(code), address);
    }

    private record Nothing(Bytes code) implements Surroundings {
        @Override
        public @Nullable Bytes bytesFrom(int place) {
            return place >= 0 && place < code.size() ? code.from(place) : null;
        }

        @Override
        public @Nullable String importAt(int place) {
            return null;
        }

        @Override
        public int pointerAt(int place) {
            return NOWHERE;
        }

        @Override
        public @Nullable Data section(String name) {
            return null;
        }
    }

    private static ModuleCode linked(ElfFile elf, Arena arena) {
        List<ElfSection> sections = new ArrayList<>();
        boolean elsewhere = false;
        for (ElfSection section : elf.sections()) {
            if (section.isAllocated() && section.hasFlags(ElfConstants.SHF_EXECINSTR) && section.size() > 0) {
                elsewhere |= section.isNoBits();
                if (!section.isNoBits()) {
                    sections.add(section);
                }
            }
        }
        if (sections.isEmpty() && elsewhere) {
            throw elf.bytes().malformed(0, "no executable code in it: a file of debugging information");
        }
        List<ElfSegment> segments = new ArrayList<>();
        for (ElfSegment segment : elf.segments()) {
            if (sections.isEmpty() && segment.type() == ElfConstants.PT_LOAD && segment.isExecutable()) {
                segments.add(segment);
            }
        }
        long base = -1;
        for (ElfSection section : sections) {
            base = Long.compareUnsigned(section.address(), base) < 0 ? section.address() : base;
        }
        for (ElfSegment segment : segments) {
            base = Long.compareUnsigned(segment.vaddr(), base) < 0 ? segment.vaddr() : base;
        }
        List<Part> parts = new ArrayList<>();
        for (ElfSection section : sections) {
            parts.add(part(elf, section.address() - base, section.address(), section.name(), section.data(), arena));
        }
        for (ElfSegment segment : segments) {
            parts.add(part(elf, segment.vaddr() - base, segment.vaddr(), "", elf.data(segment), arena));
        }
        if (parts.isEmpty()) {
            throw elf.bytes().malformed(0, "no executable code in it");
        }
        boolean kernel = elf.section(".orc_unwind").isPresent();
        return new ModuleCode(elf.bytes().source(), base, kernel, parts, new LinkedModule(elf, base), elf.entry());
    }

    private static Part part(ElfFile elf, long place, long address, String name, Bytes bytes, Arena arena) {
        if (place < 0 || place + bytes.size() > Integer.MAX_VALUE) {
            throw elf.bytes().malformed(bytes.origin(), "code that spans more than 2 GiB");
        }
        return new Part((int) place, size(bytes), address, name, Capstone.nativeCode(bytes, arena));
    }

    private static int size(Bytes bytes) {
        if (bytes.size() > Integer.MAX_VALUE) {
            throw bytes.malformed(0, "more than 2 GiB of code");
        }
        return (int) bytes.size();
    }

    /** What the code came from, as error messages name it. */
    public String source() {
        return source;
    }

    /** Whether it is code of a kernel, where traps may return. */
    public boolean isKernel() {
        return kernel;
    }

    /** Where a process starts: the address of the ELF header, 0 for none. */
    public long entry() {
        return entry;
    }

    /** The address that the module's space counts from; what an absolute displacement has to be reduced by. */
    long base() {
        return base;
    }

    /** The executable parts, in order. */
    public List<Part> parts() {
        return List.of(parts);
    }

    /** The executable part that a place is in, or null. */
    public @Nullable Part partAt(int place) {
        for (Part part : parts) {
            if (place >= part.place && place < part.end()) {
                return part;
            }
        }
        return null;
    }

    /** The place of an address in executable code; {@link #NOWHERE} where there is none. */
    public int placeOf(long address) {
        for (Part part : parts) {
            if (Long.compareUnsigned(address - part.address, part.size) < 0) {
                return part.place + (int) (address - part.address);
            }
        }
        return NOWHERE;
    }

    /** The address of a place. */
    public long addressOf(int place) {
        Part part = partAt(place);
        return part == null ? base + place : part.address + (place - part.place);
    }

    /** The 32-bit number at a place, if there is one. */
    public Optional<Integer> i32(int place) {
        Bytes bytes = surroundings.bytesFrom(place);
        return bytes == null || bytes.size() < 4 ? Optional.empty() : Optional.of(bytes.i32(0));
    }

    /** The bytes from a place on; null where the file has none. */
    @Nullable
    Bytes bytesFrom(int place) {
        return surroundings.bytesFrom(place);
    }

    /** Whether what the pointer or stub at a place stands for is another module's function that is known by its name not to return. */
    boolean isNoReturnImport(int place) {
        String name = importAt(place);
        return name != null && noReturnNames.computeIfAbsent(name, unknown -> NoReturnNames.contains(unknown, kernel));
    }

    /** The branches that are patched into the code; none but in kernels and their modules. */
    StaticBranches staticBranches() {
        return new StaticBranches(kernel ? surroundings.section(StaticBranches.SECTION) : null);
    }

    /** Whether a jump to the function at a place is a return: a kernel's for processors that mispredict returns. */
    boolean isReturnThunk(int place) {
        return kernel && "__x86_return_thunk".equals(importAt(place));
    }

    /** Whether what lies at a place is known to return: what calls of {@code __fentry__} trace begins every function of a kernel. */
    boolean isReturningImport(int place) {
        return kernel && "__fentry__".equals(importAt(place));
    }

    /** The name of the function of another module that the pointer or stub at a place stands for; null for none. */
    @Nullable
    String importAt(int place) {
        return surroundings.importAt(place);
    }

    /** The place that the pointer in the file at a place points to, before anything is relocated; {@link #NOWHERE} where there is none. */
    int initialPointerAt(int place) {
        Bytes bytes = surroundings.bytesFrom(place);
        long target = bytes == null || bytes.size() < 8 ? Long.MIN_VALUE : bytes.i64(0) - base;
        return (int) target == target ? (int) target : NOWHERE;
    }

    /** The place that the pointer at a place points to; {@link #NOWHERE} where that is not known. */
    int pointerAt(int place) {
        return surroundings.pointerAt(place);
    }
}
