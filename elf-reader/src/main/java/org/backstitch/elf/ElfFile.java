package org.backstitch.elf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.internal.Lazy;

/**
 * A 64-bit little-endian ELF file of any size: executable, shared object, relocatable object or core.
 *
 * <p>An immutable model of the file, shared by any number of threads. Only the header is read at once; everything else when it is
 * first asked for. What is wrong with a part of the file (a section table that lies outside of it, say) does not keep the other parts
 * from being used; {@link #faults} tells it.
 */
public final class ElfFile {
    /** Largest size in bytes to which a compressed section may inflate unless another one is given: 2 GiB. */
    public static final long DEFAULT_INFLATION_LIMIT = 1L << 31;

    private static final String GNU = "GNU";

    private final Bytes bytes;
    private final ElfHeader header;
    private final Lazy<HeaderTables.Table<ElfSection>> sections;
    private final Lazy<HeaderTables.Table<ElfSegment>> segments;
    private final Lazy<HeaderTables.Table<ElfNote>> notes = new Lazy<>(this::readNotes);
    private final Lazy<MemoryImage> image;

    private ElfFile(Bytes bytes, ElfHeader header, long inflationLimit) {
        this.bytes = bytes;
        this.header = header;
        this.sections = new Lazy<>(() -> HeaderTables.sections(bytes, header, inflationLimit));
        this.segments = new Lazy<>(() -> HeaderTables.segments(bytes, header));
        this.image = new Lazy<>(() -> new MemoryImage(this));
    }

    /**
     * The ELF file that {@code bytes} are.
     *
     * @throws MalformedInputException if they do not start with the header of a 64-bit little-endian ELF file
     */
    public static ElfFile of(Bytes bytes) {
        return of(bytes, DEFAULT_INFLATION_LIMIT);
    }

    /**
     * The ELF file that {@code bytes} are.
     *
     * @param inflationLimit largest size in bytes to which a compressed section may inflate
     * @throws MalformedInputException if they do not start with the header of a 64-bit little-endian ELF file
     */
    public static ElfFile of(Bytes bytes, long inflationLimit) {
        return new ElfFile(bytes, ElfHeader.read(bytes), inflationLimit);
    }

    /**
     * Maps a file and reads its header.
     *
     * @param arena owns the mapping; closing it makes the model unusable
     * @throws IOException if the file cannot be opened or mapped
     * @throws MalformedInputException if it is not a 64-bit little-endian ELF file
     */
    public static ElfFile map(Path file, Arena arena) throws IOException {
        return of(Bytes.map(file, arena));
    }

    /** The whole file. */
    public Bytes bytes() {
        return bytes;
    }

    /** {@code e_type}: one of {@code ElfConstants.ET_REL}, {@code ET_EXEC}, {@code ET_DYN}, {@code ET_CORE}. */
    public int type() {
        return header.type();
    }

    /** {@code e_machine}: {@link ElfConstants#EM_X86_64} or what else the file is for. */
    public int machine() {
        return header.machine();
    }

    /** {@code EI_OSABI}. */
    public int osAbi() {
        return header.osAbi();
    }

    /** The vaddr at which execution starts; 0 if nowhere. */
    public long entry() {
        return header.entry();
    }

    /** Whether this is a relocatable object: addresses are offsets in sections, and relocations have yet to be applied. */
    public boolean isRelocatable() {
        return header.type() == ElfConstants.ET_REL;
    }

    /** The section header table, as far as it can be read; empty for a file without one. */
    public List<ElfSection> sections() {
        return sections.get().entries();
    }

    /** The first section of that name, as it is written in the file. */
    public Optional<ElfSection> section(String name) {
        for (ElfSection section : sections()) {
            if (section.isNamed(name)) {
                return Optional.of(section);
            }
        }
        return Optional.empty();
    }

    /**
     * The section of an index.
     *
     * @return empty if the file has no such section; in particular for the special indices from {@code SHN_LORESERVE} on
     */
    public Optional<ElfSection> section(int index) {
        List<ElfSection> all = sections();
        return index >= 0 && index < all.size() ? Optional.of(all.get(index)) : Optional.empty();
    }

    /** The program header table, as far as it can be read; empty for a file without one. */
    public List<ElfSegment> segments() {
        return segments.get().entries();
    }

    /** Whether {@link #segments} has every program header that the file is said to have, rather than what was left of them. */
    public boolean hasAllSegments() {
        return segments.get().faults().isEmpty();
    }

    /**
     * The bytes of a segment in the file.
     *
     * @throws MalformedInputException if the segment reaches beyond the end of the file
     */
    public Bytes data(ElfSegment segment) {
        return bytes.slice(segment.fileOffset(), segment.fileSize());
    }

    /**
     * All notes of the file: of its note segments, and of its note sections where there are no such segments. A note that reaches
     * beyond its segment, or the end of a file that was cut off, ends the list for that segment, and is among the {@link #faults}.
     */
    public List<ElfNote> notes() {
        return notes.get().entries();
    }

    /** The build id: content of the first note {@code NT_GNU_BUILD_ID} of {@code GNU}. */
    public Optional<BuildId> buildId() {
        for (ElfNote note : notes()) {
            if (note.type() == ElfConstants.NT_GNU_BUILD_ID && note.name().equals(GNU)) {
                long size = note.desc().size();
                return size == 0 || size > BuildId.MAX_SIZE ? Optional.empty() : Optional.of(BuildId.of(note.desc()));
            }
        }
        return Optional.empty();
    }

    /**
     * The file's bytes for a part of the memory image, as linked: of loaded segments, or of allocated sections where there are no
     * segments. A relocatable file has no memory image.
     *
     * @param vaddr first address, unsigned
     * @param length number of bytes
     * @return empty if the file does not hold all of them: not mapped, zero-filled ({@code .bss}, and everything in a separate debug
     *     file), cut off, or in two segments
     */
    public Optional<Bytes> bytesAt(long vaddr, long length) {
        return image.get().bytesAt(vaddr, length);
    }

    /** All of the file's bytes from {@code vaddr} to the end of the segment (or section) that holds it, as {@link #bytesAt}. */
    public Optional<Bytes> bytesFrom(long vaddr) {
        return image.get().bytesFrom(vaddr);
    }

    /** The vaddr of the byte at {@code fileOffset}, by the first loaded segment that holds it; executable ones are preferred. */
    public OptionalLong vaddrOf(long fileOffset) {
        return image.get().vaddrOf(fileOffset);
    }

    /**
     * The full symbol table, {@code .symtab}.
     *
     * @return empty for a stripped file
     * @throws MalformedInputException if the table lies outside of the file
     */
    public Optional<ElfSymbols> symbols() {
        return firstSymbolTable(ElfConstants.SHT_SYMTAB);
    }

    /**
     * The dynamic symbols, {@code .dynsym}; found through the dynamic segment where there are no section headers.
     *
     * @return empty for a file that takes no part in dynamic linking
     * @throws MalformedInputException if the table lies outside of the file
     */
    public Optional<ElfSymbols> dynamicSymbols() {
        Optional<ElfSymbols> bySection = firstSymbolTable(ElfConstants.SHT_DYNSYM);
        return bySection.isPresent() || !sections().isEmpty()
                ? bySection
                : DynamicSection.of(this).flatMap(DynamicSection::symbols);
    }

    private Optional<ElfSymbols> firstSymbolTable(int type) {
        for (ElfSection section : sections()) {
            if (section.type() == type) {
                return symbolTable(section.index());
            }
        }
        return Optional.empty();
    }

    /**
     * The symbol table that a section holds.
     *
     * @return empty if there is no such section, or it holds something else or (in a separate debug file) nothing
     * @throws MalformedInputException if the table or its names lie outside of the file
     */
    public Optional<ElfSymbols> symbolTable(int sectionIndex) {
        Optional<ElfSection> table = section(sectionIndex)
                .filter(section ->
                        section.type() == ElfConstants.SHT_SYMTAB || section.type() == ElfConstants.SHT_DYNSYM);
        if (table.isEmpty()) {
            return Optional.empty();
        }
        ElfSection names = section(table.get().link())
                .orElseThrow(() -> bytes.malformed(
                        table.get().fileOffset(),
                        "the names of symbol table " + table.get().name() + " are in section "
                                + Integer.toUnsignedString(table.get().link()) + ", which does not exist"));
        for (ElfSection section : sections()) {
            if (section.type() == ElfConstants.SHT_SYMTAB_SHNDX && section.link() == sectionIndex) {
                return Optional.of(new ElfSymbols(table.get().data(), names.data(), section.data()));
            }
        }
        return Optional.of(new ElfSymbols(table.get().data(), names.data(), null));
    }

    /**
     * The relocation tables that change a section, unapplied.
     *
     * @throws MalformedInputException if one lies outside of the file
     */
    public List<ElfRelocations> relocationsFor(ElfSection target) {
        List<ElfRelocations> tables = new ArrayList<>();
        for (ElfSection section : sections()) {
            if (section.info() == target.index() && !section.isAllocated()) {
                relocations(section).ifPresent(tables::add);
            }
        }
        return List.copyOf(tables);
    }

    /**
     * The relocations that a section holds.
     *
     * @return empty if it holds something else
     * @throws MalformedInputException if it lies outside of the file
     */
    public Optional<ElfRelocations> relocations(ElfSection section) {
        return switch (section.type()) {
            case ElfConstants.SHT_RELA -> Optional.of(new ElfRelocations(section.data(), true, section.link()));
            case ElfConstants.SHT_REL -> Optional.of(new ElfRelocations(section.data(), false, section.link()));
            default -> Optional.empty();
        };
    }

    /**
     * A section's bytes with its relocations applied, where this is a relocatable file; in any other file as they are, since the link
     * has applied what may be left there ({@code ld --emit-relocs}, vmlinux).
     *
     * @throws MalformedInputException if the section, its relocations or their symbols lie outside of the file
     */
    public RelocatedSection relocated(ElfSection section) {
        return RelocatedSection.of(this, section);
    }

    /** Everything that was found wrong with header tables and notes. The parts that are not named are good. */
    public List<MalformedInputException> faults() {
        List<MalformedInputException> all = new ArrayList<>();
        all.addAll(sections.get().faults());
        all.addAll(segments.get().faults());
        all.addAll(notes.get().faults());
        return List.copyOf(all);
    }

    private HeaderTables.Table<ElfNote> readNotes() {
        List<ElfNote> found = new ArrayList<>();
        List<MalformedInputException> faults = new ArrayList<>();
        boolean any = false;
        for (ElfSegment segment : segments()) {
            if (segment.type() == ElfConstants.PT_NOTE && segment.fileSize() != 0) {
                any = true;
                readNotes(segment.fileOffset(), segment.fileSize(), segment.alignment(), found, faults);
            }
        }
        if (!any) {
            for (ElfSection section : sections()) {
                if (section.type() == ElfConstants.SHT_NOTE) {
                    readNotes(section.fileOffset(), section.size(), section.alignment(), found, faults);
                }
            }
        }
        return new HeaderTables.Table<>(List.copyOf(found), List.copyOf(faults));
    }

    private void readNotes(
            long fileOffset, long size, long alignment, List<ElfNote> found, List<MalformedInputException> faults) {
        try {
            boolean cut = bytes.contains(fileOffset, 0) && !bytes.contains(fileOffset, size);
            ElfNote.readEach(cut ? bytes.from(fileOffset) : bytes.slice(fileOffset, size), alignment, found::add);
            bytes.check(fileOffset, size);
        } catch (MalformedInputException e) {
            faults.add(e);
        }
    }

    @Override
    public String toString() {
        return "ElfFile[" + bytes.source() + "]";
    }
}
