package org.backstitch.dump.user;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.backstitch.dump.text.MapsLine;
import org.backstitch.elf.BuildId;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.FileTree;
import org.backstitch.elf.image.SlimElf;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;

/**
 * Makes a {@link Snapshot} of one stack: of a sample, or of a thread that stands still.
 *
 * <p>The stack is walked, and what the walk reads is kept: of memory the words that it loads and what lies between them in the same
 * stack; of files the unwind tables, the symbols, and a few bytes of code around every frame, which prove calls and signal returns.
 * Where the walk does not come to the end of the stack, up to 64 KiB behind what it read are kept too, so that a better walk could go on.
 */
public final class SnapshotWriter {
    /** How much is kept behind a stack's last word that was read, if the walk was cut: in bytes. */
    private static final long MORE = 64 << 10;

    /** Bytes of code on either side of a frame's pc: as many as an instruction has at most. */
    private static final int CODE = 16;

    private static final String CANNOT_BE_KEPT = ": a mapped file of that name cannot be kept";

    private static final String DEBUG_FILES = "usr/lib/debug/.build-id/";

    /**
     * What was written.
     *
     * @param chain of the stack that was kept, with its registers
     * @param files how many of the mapped files
     * @param bytes of all files, without the holes in them
     */
    public record Saved(Callchain chain, int files, long bytes) {}

    private final Path directory;
    private long bytes;
    private int files;

    private SnapshotWriter(Path directory) {
        this.directory = directory;
    }

    /**
     * Writes a thread of a process that stands still.
     *
     * @param directory is made; if it is there it must be empty
     * @throws IOException if it cannot be written
     */
    public static Saved write(Path directory, ProcessImage process, ThreadState thread) throws IOException {
        return new SnapshotWriter(directory)
                .write(
                        process.addressSpace(),
                        thread.registers(),
                        process.memoryOf(thread),
                        module -> process.debugFile(module));
    }

    /**
     * Writes a stack that was recorded.
     *
     * @param directory is made; if it is there it must be empty
     * @param space what was mapped
     * @param registers where the stack starts
     * @param dump the stack's bytes
     * @param debugFiles the separate file with the symbols of a module, where there is one
     * @throws IOException if it cannot be written
     */
    public static Saved write(
            Path directory,
            AddressSpace space,
            Registers registers,
            StackDump dump,
            Function<ElfModule, Optional<ElfFile>> debugFiles)
            throws IOException {
        return new SnapshotWriter(directory).write(space, registers, KeptMemory.of(dump, space), debugFiles);
    }

    private Saved write(
            AddressSpace space, Registers registers, Memory memory, Function<ElfModule, Optional<ElfFile>> debugFiles)
            throws IOException {
        makeDirectory();
        TouchedMemory touched = new TouchedMemory(memory);
        Callchain chain = new Callchain().recordRegisters(true);
        new UserUnwinder().unwind(space, registers, new StackDump().clear(registers.sp()), touched, chain);
        writeRegisters(registers);
        writeMaps(space, memory);
        boolean complete = chain.stop() == StopReason.END_OF_STACK;
        writeStacks(touched, touched.spans(registers.sp(), complete ? 0 : MORE));
        writeFiles(framesByModule(space, chain), debugFiles);
        return new Saved(chain, files, bytes);
    }

    private void makeDirectory() throws IOException {
        if (Files.exists(directory) && !Files.isDirectory(directory)) {
            throw new NotDirectoryException(directory.toString());
        }
        Files.createDirectories(directory);
        try (Stream<Path> inside = Files.list(directory)) {
            if (inside.findAny().isPresent()) {
                throw new FileAlreadyExistsException(directory.toString(), null, "it exists, and is not empty");
            }
        }
    }

    private void writeText(String name, StringBuilder text) throws IOException {
        Files.writeString(directory.resolve(name), text);
        bytes += text.length();
    }

    private void writeRegisters(Registers registers) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int register = X86_64.COUNT - 1; register >= 0; register--) { // RIP first, as people read it
            if (registers.isKnown(register)) {
                text.append(X86_64.name(register)).append(": ");
                text.append(Long.toHexString(registers.get(register))).append('\n');
            }
        }
        writeText(Snapshot.REGISTERS, text);
    }

    private void writeMaps(AddressSpace space, Memory memory) throws IOException {
        StringBuilder text = new StringBuilder();
        for (Mapping mapping : space.mappings()) {
            // Files' pages need not be in memory; whether others can be read, it knows.
            boolean guard = mapping.path().isEmpty()
                    && !memory.isReadable(mapping.start(), Long.BYTES)
                    && memory.absence(mapping.start()) == Memory.Absence.NOT_MAPPED
                    && !mapping.isExecutable();
            String permissions = guard ? "---p" : mapping.isExecutable() ? "r-xp" : "rw-p";
            MapsLine line =
                    new MapsLine(mapping.start(), mapping.end(), permissions, mapping.fileOffset(), 0, mapping.path());
            text.append(line).append('\n');
        }
        writeText(Snapshot.MAPS, text);
    }

    private void writeStacks(TouchedMemory memory, List<TouchedMemory.Span> spans) throws IOException {
        for (int i = 0; i < spans.size(); i++) {
            TouchedMemory.Span span = spans.get(i);
            byte[] content = memory.copy(span);
            ByteBuffer file = ByteBuffer.allocate(Long.BYTES + content.length).order(ByteOrder.LITTLE_ENDIAN);
            file.putLong(span.start()).put(content);
            String number = spans.size() == 1
                    ? ""
                    : "%0".concat(digits(spans.size()) + "d").formatted(i);
            Files.write(directory.resolve(Snapshot.STACKS.replace("*", number)), file.array());
            bytes += file.capacity();
        }
    }

    private static int digits(int count) {
        return Integer.toString(count - 1).length();
    }

    /** What the walk wants of a file: the path under which the process knew it, and where frames were in it. */
    private record Visited(String path, List<Long> vaddrs) {}

    private static Map<ElfModule, Visited> framesByModule(AddressSpace space, Callchain chain) {
        Map<ElfModule, Visited> visited = new LinkedHashMap<>();
        for (int i = 0; i < chain.size(); i++) {
            Mapping mapping = space.find(chain.lookupPc(i));
            ElfModule module = mapping == null ? null : mapping.module();
            if (mapping != null && module != null) {
                visited.computeIfAbsent(module, _ -> new Visited(mapping.path(), new ArrayList<>()))
                        .vaddrs
                        .add(mapping.vaddr(chain.pc(i)));
            }
        }
        return visited;
    }

    private void writeFiles(Map<ElfModule, Visited> visited, Function<ElfModule, Optional<ElfFile>> debugFiles)
            throws IOException {
        Set<String> names = new HashSet<>(Set.of(Snapshot.REGISTERS, Snapshot.MAPS, "usr", ".", ".."));
        for (Map.Entry<ElfModule, Visited> entry : visited.entrySet()) {
            ElfFile elf = entry.getKey().elf();
            Path copy = placeOf(entry.getValue().path, names);
            bytes += SlimElf.write(elf, false, codeAround(elf, entry.getValue().vaddrs), copy);
            files++;
            Optional<ElfFile> debug = debugFiles.apply(entry.getKey());
            Optional<BuildId> buildId = elf.buildId();
            if (debug.isPresent() && buildId.isPresent() && buildId.get().size() > 1) {
                String hex = buildId.get().hex();
                Path place = directory.resolve(DEBUG_FILES + hex.substring(0, 2) + "/" + hex.substring(2) + ".debug");
                if (!Files.exists(place)) {
                    Files.createDirectories(Objects.requireNonNull(place.getParent()));
                    bytes += SlimElf.write(debug.get(), false, place);
                }
            }
        }
    }

    /** Where a file of the process lies in the snapshot: under its base name, if that is free and means nothing else. */
    private Path placeOf(String path, Set<String> names) throws IOException {
        String plain = MappedFile.withoutRemark(path);
        if (FileTree.pathOf(plain).isEmpty()) {
            throw new IOException(path + CANNOT_BE_KEPT);
        }
        String base = plain.substring(plain.lastIndexOf('/') + 1);
        boolean stack = base.startsWith("stack") && base.endsWith(".data");
        if (!base.isEmpty() && !stack && names.add(base)) {
            return directory.resolve(base);
        }
        Path root = directory.toAbsolutePath().normalize();
        // Paths come from strangers' files: none may lead out of the directory.
        Path place = root.resolve("." + Path.of("/").resolve(plain).normalize()).normalize();
        if (!place.startsWith(root) || place.equals(root) || Files.exists(place)) {
            throw new IOException(path + CANNOT_BE_KEPT);
        }
        Files.createDirectories(Objects.requireNonNull(place.getParent()));
        return place;
    }

    private static List<SlimElf.Range> codeAround(ElfFile elf, List<Long> vaddrs) {
        List<SlimElf.Range> ranges = new ArrayList<>();
        long origin = elf.bytes().origin();
        for (long vaddr : vaddrs) {
            for (int side = -CODE; side <= 0; side += CODE) {
                elf.bytesAt(vaddr + side, CODE)
                        .ifPresent(code -> ranges.add(new SlimElf.Range(code.origin() - origin, CODE)));
            }
        }
        return ranges;
    }
}
