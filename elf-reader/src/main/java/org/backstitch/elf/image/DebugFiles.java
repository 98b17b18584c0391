package org.backstitch.elf.image;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.BuildId;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.backstitch.elf.internal.Inflation;

/**
 * Finds the separate file with a program's symbols and debug information, by build id and by debug link, in the places that GDB and
 * elfutils search (GDB manual, "Debugging Information in Separate Files").
 *
 * <p>A file is taken only if it is proved to be the right one: both have the same build id, or where one has none, the file has the
 * CRC that the debug link tells. {@code .gnu_debugaltlink} is not followed: it leads to what several debug files share, which holds no
 * symbols and no call frame information.
 */
public final class DebugFiles {
    private static final String GLOBAL_DIRECTORY = "/usr/lib/debug";
    private static final String MINI_DEBUG_INFO = ".gnu_debugdata";
    private static final int CRC_STEP = 1 << 28;

    /**
     * A file that was found where the wanted one should be, but is not it.
     *
     * @param file where it lies
     * @param reason why it was not taken
     */
    public record Rejected(Path file, String reason) {}

    /**
     * What a search came to.
     *
     * @param file the debug file, if one was found and proved
     * @param rejected those that were not taken, in the order of the search
     */
    public record Search(Optional<ElfFile> file, List<Rejected> rejected) {}

    private final FileTree files;

    private DebugFiles(FileTree files) {
        this.files = files;
    }

    /** Searches among the files of a system. */
    public static DebugFiles in(FileTree files) {
        return new DebugFiles(files);
    }

    /**
     * The symbols that a stripped file carries compressed inside of itself ("MiniDebugInfo", {@code .gnu_debugdata}): an ELF file of
     * its own with a {@code .symtab} of functions.
     *
     * @return empty if it has none
     * @throws MalformedInputException if what it has is broken, or larger than 2 GiB
     */
    public static Optional<ElfFile> embedded(ElfFile elf) {
        return elf.section(MINI_DEBUG_INFO)
                .filter(section -> !section.isNoBits())
                .map(ElfSection::data)
                .map(data -> ElfFile.of(Inflation.inflate(
                        data,
                        Inflation::xz,
                        elf.bytes().source() + "(" + MINI_DEBUG_INFO + ")",
                        Math.min(ElfFile.DEFAULT_INFLATION_LIMIT, Inflation.allowance(data.size())))));
    }

    /**
     * Searches the debug file of a program or library.
     *
     * @param path where the program lies in its system; only its debug link needs that
     * @param arena owns the mapping of what is found
     */
    public Search find(ElfFile elf, String path, Arena arena) {
        List<Rejected> rejected = new ArrayList<>();
        Optional<BuildId> buildId = elf.buildId();
        if (buildId.isPresent() && buildId.get().size() > 1) {
            String hex = buildId.get().hex();
            String name = GLOBAL_DIRECTORY + "/.build-id/" + hex.substring(0, 2) + "/" + hex.substring(2) + ".debug";
            Optional<ElfFile> found = open(name, elf, Optional.empty(), arena, rejected);
            if (found.isPresent()) {
                return new Search(found, List.copyOf(rejected));
            }
        }
        Optional<DebugLink> link;
        try {
            link = DebugLink.of(elf);
        } catch (MalformedInputException e) {
            rejected.add(new Rejected(Path.of(e.source()), e.reason()));
            link = Optional.empty();
        }
        if (link.isPresent()) {
            for (String candidate : candidates(path, link.get().fileName())) {
                Optional<ElfFile> found = open(candidate, elf, link, arena, rejected);
                if (found.isPresent()) {
                    return new Search(found, List.copyOf(rejected));
                }
            }
        }
        return new Search(Optional.empty(), List.copyOf(rejected));
    }

    /** Beside the program, in {@code .debug} beside it, and under the global directory; under both names of a merged /usr. */
    private static Set<String> candidates(String path, String name) {
        int slash = path.lastIndexOf('/');
        String directory = slash <= 0 ? "" : path.substring(0, slash);
        Set<String> result = new LinkedHashSet<>();
        result.add(directory + "/" + name);
        result.add(directory + "/.debug/" + name);
        result.add(GLOBAL_DIRECTORY + directory + "/" + name);
        if (directory.startsWith("/usr/")) {
            result.add(GLOBAL_DIRECTORY + directory.substring("/usr".length()) + "/" + name);
        } else {
            result.add(GLOBAL_DIRECTORY + "/usr" + directory + "/" + name);
        }
        return result;
    }

    private Optional<ElfFile> open(
            String candidate, ElfFile program, Optional<DebugLink> link, Arena arena, List<Rejected> rejected) {
        Optional<Path> file = files.find(candidate);
        if (file.isEmpty()) {
            return Optional.empty();
        }
        String reason;
        try {
            ElfFile debug = ElfFile.map(file.get(), arena);
            Optional<String> mismatch = mismatch(program, debug, link);
            if (mismatch.isEmpty()) {
                return Optional.of(debug);
            }
            reason = mismatch.get();
        } catch (MalformedInputException e) {
            reason = e.reason();
        } catch (IOException e) {
            reason = "cannot be read: " + e.getMessage();
        }
        rejected.add(new Rejected(file.get(), reason));
        return Optional.empty();
    }

    private static Optional<String> mismatch(ElfFile program, ElfFile debug, Optional<DebugLink> link) {
        if (debug.machine() != program.machine()) {
            return Optional.of("is for another machine");
        }
        Optional<BuildId> wanted = program.buildId();
        Optional<BuildId> found = debug.buildId();
        if (wanted.isPresent() && found.isPresent()) {
            return wanted.equals(found)
                    ? Optional.empty()
                    : Optional.of("has build id " + found.get() + " instead of " + wanted.get());
        }
        if (link.isEmpty()) {
            return Optional.of("has no build id");
        }
        int crc = crc32(debug.bytes());
        return crc == link.get().crc()
                ? Optional.empty()
                : Optional.of("has CRC " + Integer.toHexString(crc) + " instead of "
                        + Integer.toHexString(link.get().crc()));
    }

    private static int crc32(Bytes bytes) {
        CRC32 crc = new CRC32();
        MemorySegment all = bytes.segment();
        for (long at = 0; at < all.byteSize(); at += CRC_STEP) {
            crc.update(all.asSlice(at, Math.min(CRC_STEP, all.byteSize() - at)).asByteBuffer());
        }
        return (int) crc.getValue();
    }
}
