package org.backstitch.elf.dwarf;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.jspecify.annotations.Nullable;

/**
 * Finds the frame description entry for an address of a file without reading more of the file than it must.
 *
 * <p>The linker's search table ({@code .eh_frame_hdr}) is asked first, and believed only if the entry that it names covers the address.
 * Where it has no answer, the file's {@code .eh_frame} is indexed as a whole, once; where that has none, {@code .debug_frame}. Safe
 * for any number of threads.
 */
public final class FdeFinder {
    private final @Nullable EhFrameHeader header;
    private final List<CallFrameInfo> sections;
    private final @Nullable MalformedInputException fault;
    private volatile @Nullable List<FdeIndex> indexes;

    private FdeFinder(
            @Nullable EhFrameHeader header, List<CallFrameInfo> sections, @Nullable MalformedInputException fault) {
        this.header = header;
        this.sections = sections;
        this.fault = fault;
    }

    /** A finder for a file; for one without call frame information it finds nothing. */
    public static FdeFinder of(ElfFile elf) {
        return of(elf, Optional.empty());
    }

    /**
     * A finder for a file whose {@code .debug_frame} may have been split off.
     *
     * @param debug proved to belong to the file; what it says counts after what the file itself says
     */
    public static FdeFinder of(ElfFile elf, Optional<ElfFile> debug) {
        List<CallFrameInfo> sections = new ArrayList<>();
        MalformedInputException fault = null;
        for (CallFrameInfo.Flavor flavor : CallFrameInfo.Flavor.values()) {
            try {
                CallFrameInfo.of(elf, flavor).ifPresent(sections::add);
            } catch (MalformedInputException e) {
                fault = e;
            }
        }
        boolean inFile = !sections.isEmpty();
        if (debug.isPresent()) {
            try {
                CallFrameInfo.of(debug.get(), CallFrameInfo.Flavor.DEBUG_FRAME).ifPresent(sections::add);
            } catch (MalformedInputException e) {
                fault = e;
            }
        }
        EhFrameHeader header = null;
        if (inFile && sections.getFirst().flavor() == CallFrameInfo.Flavor.EH_FRAME) {
            try {
                header = EhFrameHeader.find(elf).orElse(null);
            } catch (MalformedInputException e) {
                fault = e;
            }
        }
        return new FdeFinder(header, List.copyOf(sections), fault);
    }

    /** What is wrong with the file's sections, where anything is; what can be read is used all the same. */
    public @Nullable MalformedInputException fault() {
        return fault;
    }

    /** How many bytes of call frame information the file has. */
    public long sizeInBytes() {
        return sections.stream().mapToLong(section -> section.section().size()).sum();
    }

    /** The indexes of the file's sections, the one that decides first. */
    public List<FdeIndex> indexes() {
        List<FdeIndex> ready = indexes;
        if (ready == null) {
            ready = sections.stream().map(FdeIndex::new).toList();
            indexes = ready;
        }
        return ready;
    }

    /** The file's entries in the order of the linker's table, if it has one section only and that table may be in order. */
    public Optional<LinkedEntries> linkedEntries() {
        EhFrameHeader table = header;
        return table == null || sections.size() != 1 ? Optional.empty() : LinkedEntries.of(table, sections.getFirst());
    }

    /** The entry that decides for {@code vaddr}, or null. */
    public @Nullable FrameDescriptionEntry find(long vaddr) {
        FrameDescriptionEntry linked = findLinked(vaddr, linkedPlace(vaddr));
        return linked != null ? linked : findUnlinked(vaddr);
    }

    /**
     * Where the linker's table has the entry for {@code vaddr}, if it has one.
     *
     * @return the index in the table; negative if there is no table, or if it does not tell
     */
    public int linkedPlace(long vaddr) {
        EhFrameHeader table = header;
        if (table == null) {
            return -1;
        }
        int pair = table.floor(vaddr);
        // Entries that start together stand together in the table, in no order that one could rely on.
        return pair > 0 && table.start(pair - 1) == table.start(pair) ? -1 : pair;
    }

    /**
     * The entry that decides for {@code vaddr}, if the linker's table has it; else null: then {@link #findUnlinked} has to look for it.
     * In one place there is one entry, which decides for all addresses that have this place and are covered by it.
     *
     * @param place the {@link #linkedPlace} of {@code vaddr}
     */
    public @Nullable FrameDescriptionEntry findLinked(long vaddr, int place) {
        EhFrameHeader table = header;
        if (table == null || place < 0) {
            return null;
        }
        CallFrameInfo section = sections.getFirst();
        try {
            FrameDescriptionEntry fde = section.fdeAt(table.fdeVaddr(place) - section.sectionVaddr());
            return fde.covers(vaddr) && fde.start() == table.start(place) && fde.start() != 0 ? fde : null;
        } catch (MalformedInputException e) {
            // The table points at something else than an entry: the index, made from the section itself, decides.
            return null;
        }
    }

    /** The entry that decides for {@code vaddr} where the linker's table has none, or null. */
    public @Nullable FrameDescriptionEntry findUnlinked(long vaddr) {
        for (FdeIndex index : indexes()) {
            FrameDescriptionEntry found = index.find(vaddr);
            if (found != null) {
                return found;
            }
        }
        return null;
    }
}
