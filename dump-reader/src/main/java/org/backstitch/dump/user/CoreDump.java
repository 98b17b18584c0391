package org.backstitch.dump.user;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.image.FileTree;

/**
 * The core file of a process of x86-64 Linux, written by the kernel or by gdb's {@code gcore}: threads, memory, and the binaries that
 * were mapped, found again.
 *
 * <p>Memory is what the core has; pages that it leaves out, because they are those of a file, come from that file. Which files were
 * mapped is said by a note, or by the dynamic linker's list in memory where there is no such note; the vDSO lies in the core. Of a core
 * that was cut off all is used that is there.
 */
public final class CoreDump implements AutoCloseable {
    private final Arena arena;
    private final CoreFile core;
    private final Binaries binaries;
    private final ProcessImage process;

    private CoreDump(Path path, CoreOptions options, Arena arena) throws IOException {
        this.arena = arena;
        Path sysroot = options.sysroot();
        FileTree files = sysroot == null ? FileTree.host() : FileTree.under(sysroot);
        core = CoreFile.open(path, arena);
        binaries = new Binaries(files, options.exe(), options.code(), arena);
        CoreLayout layout = new CoreLayout(core, binaries);
        process = new ProcessImage(
                core.notes().pid(), core.notes().threads(), layout.addressSpace(), layout.memory(), binaries);
    }

    /**
     * Opens a core file.
     *
     * @throws MalformedInputException if it is none of x86-64, or so damaged that no thread is left
     * @throws IOException if it cannot be read
     */
    @SuppressWarnings("MustBeClosedChecker") // close() closes the arena; when nothing is returned, it is closed here.
    public static CoreDump open(Path path, CoreOptions options) throws IOException {
        Arena arena = Arena.ofShared();
        try {
            return new CoreDump(path, options, arena);
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /** The process that crashed. */
    public ProcessImage process() {
        return process;
    }

    /** How many bytes of memory the core claims to hold and does not, because it was cut off. */
    public long missingBytes() {
        return core.missingBytes();
    }

    /** What is wrong with the core's tables and notes. */
    public List<MalformedInputException> faults() {
        return core.faults();
    }

    /** Binaries that were mapped and were not found. */
    public Set<String> missingFiles() {
        return Collections.unmodifiableSet(binaries.missing());
    }

    /** Files that were found and not used, each with the reason: another build id than the mapped one, or damage. */
    public Map<String, String> unusableFiles() {
        return Collections.unmodifiableMap(binaries.unusable());
    }

    /** Unmaps the core and all files that were opened for it. */
    @Override
    public void close() {
        arena.close();
    }
}
