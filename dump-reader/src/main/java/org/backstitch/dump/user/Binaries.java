package org.backstitch.dump.user;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.BuildId;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.DebugFiles;
import org.backstitch.elf.image.FileTree;
import org.backstitch.unwind.CodeReader;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.ModuleRegistry;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.jspecify.annotations.Nullable;

/**
 * Finds the binaries that a process had mapped, and opens each once.
 *
 * <p>A file is used only if its build id is that of the binary that was mapped, where both are known: unwinding through another build
 * gives chains that look right and are not. What was not found or not used is kept for the summary. Not thread-safe.
 */
final class Binaries {
    /** Where distributions keep binaries and their debug files by build id (GDB manual, "Separate Debug Files"). */
    private static final String BY_BUILD_ID = "/usr/lib/debug/.build-id/";

    private final FileTree files;
    private final @Nullable Path exe;
    private final Arena arena;
    private final DebugFiles debugFiles;
    private final ModuleRegistry registry;
    private final Map<String, Optional<Binary>> found = new HashMap<>();
    private final Map<ElfModule, Binary> byModule = new HashMap<>();
    private final TreeSet<String> missing = new TreeSet<>();
    private final TreeMap<String, String> unusable = new TreeMap<>();

    /**
     * @param files of the system that the process ran on
     * @param exe the program, where the user named it
     * @param code reads their code where their unwind tables have no answer
     * @param arena owns the mappings of the files
     */
    Binaries(FileTree files, @Nullable Path exe, CodeReader code, Arena arena) {
        registry = new ModuleRegistry(code);
        this.files = files;
        this.exe = exe;
        this.arena = arena;
        this.debugFiles = DebugFiles.in(files);
    }

    /**
     * The binary that was mapped under a path.
     *
     * @param path as the process knew it
     * @param program whether it is the program itself, which the user may have named
     * @param mapped what memory tells of it
     * @return empty if it cannot be had, or is no ELF file
     */
    Optional<Binary> find(String path, boolean program, MappedBinary mapped) {
        return found.computeIfAbsent(path, _ -> search(path, program, mapped));
    }

    /** The binary that was mapped under a path, from the first of some files that can be read; the caller knows that they are it. */
    Optional<Binary> findAt(String path, List<Path> candidates) {
        return found.computeIfAbsent(path, _ -> {
            for (Path candidate : candidates) {
                Optional<ElfFile> elf = open(candidate, MappedBinary.UNKNOWN);
                if (elf.isPresent()) {
                    return Optional.of(add(path, elf.get()));
                }
            }
            missing.add(path);
            return Optional.empty();
        });
    }

    private Optional<Binary> search(String path, boolean program, MappedBinary mapped) {
        Optional<BuildId> buildId = mapped.buildId();
        List<Path> candidates = new ArrayList<>();
        if (program && exe != null) {
            candidates.add(exe);
        }
        String plainPath = MappedFile.withoutRemark(path);
        files.find(plainPath).ifPresent(candidates::add);
        if (!files.isHost()) {
            // A directory with the binaries side by side is a system's root, too, as far as one asked for.
            files.find(plainPath.substring(plainPath.lastIndexOf('/') + 1)).ifPresent(candidates::add);
        }
        if (buildId.isPresent() && buildId.get().size() > 1) {
            String hex = buildId.get().hex();
            String name = BY_BUILD_ID + hex.substring(0, 2) + "/" + hex.substring(2);
            files.find(name).ifPresent(candidates::add);
            // Without its binary, a debug file still has the symbols, and .debug_frame if there is any.
            files.find(name + ".debug").ifPresent(candidates::add);
        }
        for (Path candidate : candidates) {
            Optional<ElfFile> elf = open(candidate, mapped);
            if (elf.isPresent()) {
                return Optional.of(add(path, elf.get()));
            }
        }
        if (candidates.isEmpty()) {
            missing.add(path);
        }
        return Optional.empty();
    }

    private Optional<ElfFile> open(Path file, MappedBinary mapped) {
        try {
            ElfFile elf = ElfFile.map(file, arena);
            if (elf.machine() != ElfConstants.EM_X86_64) {
                unusable.put(file.toString(), "for another machine");
                return Optional.empty();
            }
            String objection = mapped.objectionTo(elf);
            if (objection != null) {
                unusable.put(file.toString(), objection);
                return Optional.empty();
            }
            return Optional.of(elf);
        } catch (MalformedInputException e) {
            unusable.put(file.toString(), e.reason() + " (at offset 0x" + Long.toHexString(e.offset()) + ")");
        } catch (IOException e) {
            unusable.put(file.toString(), "it cannot be read");
        }
        return Optional.empty();
    }

    private Binary add(String path, ElfFile elf) {
        Optional<ElfFile> debug = debugFiles.find(elf, path, arena).file();
        ElfModule module = registry.module(path, elf, CfiUnwindInfo.of(elf, debug));
        return remember(new Binary(module, debug));
    }

    private Binary remember(Binary binary) {
        byModule.put(binary.module(), binary);
        return binary;
    }

    /** A binary that was read from the memory of the process itself. */
    Binary ofMemory(String path, ElfFile elf) {
        missing.remove(path);
        return found.compute(
                        path, (_, _) -> Optional.of(remember(new Binary(registry.module(path, elf), Optional.empty()))))
                .orElseThrow();
    }

    /** The binary behind a module that came from here. */
    Binary of(ElfModule module) {
        Binary binary = byModule.get(module);
        if (binary == null) {
            throw new IllegalArgumentException("not a module of this process: " + module);
        }
        return binary;
    }

    /** The paths of which nothing was found. */
    Set<String> missing() {
        return missing;
    }

    /** The files that are there and were not used, each with the reason. */
    Map<String, String> unusable() {
        return unusable;
    }
}
