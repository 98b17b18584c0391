package org.backstitch.dump.user;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.ExtentMap;
import org.backstitch.dump.live.ProcFiles;
import org.backstitch.dump.text.MapsLine;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.FileTree;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.CodeReader;
import org.backstitch.unwind.Mapping;
import org.jspecify.annotations.Nullable;

/**
 * The binaries that a running process has mapped: the very files, even where another one has taken the name since, or the process lives
 * in a container; read from its memory where they cannot be opened.
 */
final class LiveBinaries {
    /** No binary is larger that is to be read from memory, in bytes. */
    private static final long LARGEST = 256 << 20;

    private final int pid;
    private final ProcessCode memory;
    private final Binaries binaries;
    private final AddressSpace addressSpace;

    LiveBinaries(int pid, List<MapsLine> lines, ProcessCode memory, Arena arena) {
        this.pid = pid;
        this.memory = memory;
        this.binaries = new Binaries(FileTree.host(), null, CodeReader.NONE, arena);
        Map<String, List<MapsLine>> byPath = new LinkedHashMap<>();
        lines.forEach(line ->
                byPath.computeIfAbsent(line.path(), _ -> new ArrayList<>()).add(line));
        Map<String, Optional<Binary>> found = new HashMap<>();
        Set<String> rebuilt = new HashSet<>();
        List<Mapping> mappings = new ArrayList<>();
        List<Mapping> fromMemory = new ArrayList<>();
        byPath.forEach((path, parts) -> {
            boolean code = parts.stream().anyMatch(MapsLine::isExecutable);
            if (path.equals(Snapshot.VDSO)) {
                found.put(path, vdso(parts.getFirst()));
            } else if (code && parts.getFirst().isFile()) {
                Optional<Binary> binary = binaries.findAt(path, candidates(parts));
                if (binary.isEmpty()) {
                    List<Mapping> placed = fromMemory(path, parts);
                    fromMemory.addAll(placed);
                    if (!placed.isEmpty()) {
                        rebuilt.add(path);
                    }
                }
                found.put(path, binary);
            }
        });
        for (MapsLine line : lines) {
            Optional<Binary> binary = rebuilt.contains(line.path()) ? Optional.empty() : found.get(line.path());
            mappings.add(line.mapping(binary == null ? null : moduleOf(binary)));
        }
        mappings.addAll(fromMemory);
        addressSpace = AddressSpace.of(mappings);
    }

    private static org.backstitch.unwind.@Nullable ElfModule moduleOf(Optional<Binary> binary) {
        return binary.map(Binary::module).orElse(null);
    }

    /** Where a mapped file may be opened: through the mapping itself, else by its path if the same file is still there. */
    private List<Path> candidates(List<MapsLine> parts) {
        List<Path> candidates = new ArrayList<>();
        MapsLine first = parts.getFirst();
        Path directory = ProcFiles.directory(pid);
        Path mapped = directory.resolve("map_files/%x-%x".formatted(first.start(), first.end()));
        if (Files.isReadable(mapped)) {
            candidates.add(mapped);
        }
        Optional<Path> named = FileTree.pathOf(directory + "/root" + first.path());
        for (Path path : Stream.concat(named.stream(), Stream.of(directory.resolve("exe")))
                .toList()) {
            if (inode(path) == first.inode()) {
                candidates.add(path);
            }
        }
        return candidates;
    }

    private static long inode(Path file) {
        try {
            return (long) Files.getAttribute(file, "unix:ino");
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return -1; // not there, or not to be seen
        }
    }

    private Optional<Binary> vdso(MapsLine line) {
        Bytes image = memory.read(line.start(), (int) Math.min(line.end() - line.start(), 1 << 20));
        try {
            return Optional.of(binaries.ofMemory(Snapshot.VDSO, ElfFile.of(image.named(Snapshot.VDSO))));
        } catch (MalformedInputException e) {
            binaries.unusable().put(Snapshot.VDSO, e.reason());
            return Optional.empty();
        }
    }

    private List<Mapping> fromMemory(String path, List<MapsLine> parts) {
        Optional<MapsLine> base =
                parts.stream().filter(line -> line.fileOffset() == 0).findFirst();
        long size = parts.stream().mapToLong(line -> line.end() - line.start()).sum();
        if (base.isEmpty() || size < 0 || size > LARGEST) {
            return List.of();
        }
        ExtentMap.Builder extents = new ExtentMap.Builder();
        AddressRanges.Builder ranges = new AddressRanges.Builder();
        for (MapsLine part : parts) {
            if (part.isReadable()) {
                extents.addBehind(part.start(), memory.read(part.start(), (int) (part.end() - part.start())));
                ranges.add(part.start(), part.end());
            }
        }
        ProcessMemory image = new ProcessMemory(extents.build(), ranges.build(), true);
        return MemoryElf.read(image, base.get().start(), path)
                .map(loaded -> Placement.mappings(binaries.ofMemory(path, loaded.elf()), loaded.bias()))
                .orElse(List.of());
    }

    Binaries binaries() {
        return binaries;
    }

    AddressSpace addressSpace() {
        return addressSpace;
    }
}
