package org.backstitch.dump.user;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.ExtentMap;
import org.backstitch.dump.text.MapsLine;
import org.backstitch.dump.text.TextLine;
import org.backstitch.elf.image.FileTree;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.CodeReader;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.X86_64;

/**
 * One thread as a directory holds it, with everything that its stack is unwound from: a case to send, or to keep as a test.
 *
 * <pre>
 * regs.txt     a register a line, in hexadecimal: rip: 7f00deadbeef
 * maps.txt     what was mapped, as /proc/PID/maps has it
 * stack.data   the address of the first byte, little-endian in 8 bytes, then the bytes; several as stack0.data, stack1.data, …
 * libc.so.6    the files that were mapped, each under its base name, or under its whole path where two have the same
 *              (the maps may have the base name only, too)
 * </pre>
 *
 * <p>The vDSO is called {@code [vdso]}, as in the maps. Separate debug files may lie under {@code usr/lib/debug}. Nothing outside of
 * the directory is ever used. {@link SnapshotWriter} makes such directories.
 */
public final class Snapshot implements AutoCloseable {
    static final String REGISTERS = "regs.txt";
    static final String MAPS = "maps.txt";
    static final String STACKS = "stack*.data";
    static final String VDSO = "[vdso]";

    /** The vDSO under the name that kernels build it by. */
    private static final String OTHER_VDSO = "vdso.so";

    /** Registers that debuggers list and unwinding has no use for. */
    private static final Set<String> OTHER_REGISTERS = Set.of(
            "eflags", "rflags", "cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base", "k_gs_base", "orig_rax");

    private final Arena arena;
    private final Binaries binaries;
    private final ProcessImage process;
    private final List<MalformedInputException> faults = new ArrayList<>();

    private Snapshot(Path directory, Arena arena) throws IOException {
        this.arena = arena;
        Registers registers = readRegisters(Bytes.map(directory.resolve(REGISTERS), arena));
        List<MapsLine> lines = MapsLine.readAll(Bytes.map(directory.resolve(MAPS), arena), faults);
        FileTree files = FileTree.under(directory);
        binaries = new Binaries(files, null, CodeReader.NONE, arena);
        AddressSpace space = AddressSpace.of(mappings(lines, files));
        AddressRanges.Builder guards = new AddressRanges.Builder();
        lines.stream().filter(line -> !line.isReadable()).forEach(line -> guards.add(line.start(), line.end()));
        KeptMemory memory = new KeptMemory(readStacks(directory), space, guards.build(), registers.sp());
        ThreadState thread = new ThreadState(null, null, registers, Optional.empty());
        process = new ProcessImage(null, List.of(thread), space, memory, binaries);
    }

    /**
     * Opens a snapshot.
     *
     * @throws MalformedInputException if the registers do not say where the thread stands
     * @throws IOException if a file cannot be read, or is missing
     */
    @SuppressWarnings("MustBeClosedChecker") // close() closes the arena; when nothing is returned, it is closed here.
    public static Snapshot open(Path directory) throws IOException {
        Arena arena = Arena.ofShared();
        try {
            return new Snapshot(directory, arena);
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private Registers readRegisters(Bytes file) {
        Map<String, Integer> numbers = new HashMap<>();
        for (int register = 0; register < X86_64.COUNT; register++) {
            numbers.put(X86_64.name(register), register);
        }
        Registers registers = new Registers();
        for (TextLine line : TextLine.split(file)) {
            String text = line.text().strip();
            int colon = text.indexOf(':');
            String name = text.substring(0, Math.max(0, colon)).strip().toLowerCase(Locale.ROOT);
            Integer register = numbers.get(name);
            if (register != null) {
                registers.set(
                        register, line.hexadecimal(text.substring(colon + 1).strip(), file));
            } else if (!text.isEmpty() && !OTHER_REGISTERS.contains(name)) {
                faults.add(file.malformed(line.offset(), "expected a register of x86-64, as in \"rip: 7f00deadbeef\""));
            }
        }
        for (int needed : new int[] {X86_64.RIP, X86_64.RSP}) {
            if (!registers.isKnown(needed)) {
                throw file.malformed(0, "it does not say what " + X86_64.name(needed) + " is");
            }
        }
        return registers;
    }

    private List<Mapping> mappings(List<MapsLine> lines, FileTree files) {
        List<Mapping> mappings = new ArrayList<>();
        for (MapsLine line : lines) {
            boolean vdso = line.path().equals(VDSO);
            boolean wanted = line.isExecutable() && (vdso || line.isFile() || isBareName(line.path(), files));
            Optional<Binary> binary = Optional.empty();
            if (wanted) {
                String name = vdso && files.find(OTHER_VDSO).isPresent() ? OTHER_VDSO : line.path();
                binary = binaries.find(name, false, MappedBinary.UNKNOWN);
            }
            mappings.add(line.mapping(binary.map(Binary::module).orElse(null)));
        }
        return mappings;
    }

    /** Whether a path without a directory is that of a file here: some who make snapshots shorten the paths in the maps to base names. */
    private static boolean isBareName(String path, FileTree files) {
        return !path.isEmpty()
                && path.indexOf('/') < 0
                && files.find(MappedFile.withoutRemark(path)).isPresent();
    }

    private ExtentMap readStacks(Path directory) throws IOException {
        TreeSet<Path> paths = new TreeSet<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(directory, STACKS)) {
            found.forEach(paths::add);
        }
        ExtentMap.Builder pieces = new ExtentMap.Builder();
        for (Path path : paths) {
            Bytes file = Bytes.map(path, arena);
            if (file.contains(0, Long.BYTES)) {
                pieces.addBehind(file.i64(0), file.from(Long.BYTES));
            } else {
                faults.add(file.malformed(0, "expected the address of the first byte in 8 bytes"));
            }
        }
        return pieces.build();
    }

    /** The process, of which this one thread is known. */
    public ProcessImage process() {
        return process;
    }

    /** What is wrong with single lines or files; all else was used. */
    public List<MalformedInputException> faults() {
        return Collections.unmodifiableList(faults);
    }

    /** Files with code that were mapped and are not there. */
    public Set<String> missingFiles() {
        return Collections.unmodifiableSet(binaries.missing());
    }

    /** Files that are there and were not used, each with the reason. */
    public Map<String, String> unusableFiles() {
        return Collections.unmodifiableMap(binaries.unusable());
    }

    /** Unmaps all files. */
    @Override
    public void close() {
        arena.close();
    }
}
