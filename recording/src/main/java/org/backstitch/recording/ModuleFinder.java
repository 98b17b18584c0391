package org.backstitch.recording;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.BuildId;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.FileTree;
import org.backstitch.perf.BuildIdEntry;
import org.backstitch.perf.PerfFile;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.ModuleRegistry;
import org.backstitch.unwind.UserUnwinder;
import org.jspecify.annotations.Nullable;

/**
 * Finds the files that a recording's processes had mapped, and opens each once.
 *
 * <p>A file is used only if its build id is the recorded one, where both are known: unwinding through another version of a library
 * gives chains that look right and are not. What was not found or not used is counted. Safe for use by several threads.
 */
final class ModuleFinder {
    static final String VDSO = "[vdso]";

    private final RecordingOptions options;
    private final Arena arena;
    private final FileTree files;
    private final ModuleRegistry registry;
    private final Map<String, String> recordedBuildIds = new ConcurrentHashMap<>();
    private final boolean sameKernel;
    private final ConcurrentHashMap<FileKey, Found> modules = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<MappedRange, Mapping> mappings = new ConcurrentHashMap<>();
    private final AtomicInteger generation = new AtomicInteger();
    private final TreeSet<String> missing = new TreeSet<>();
    private final TreeMap<String, String> unusable = new TreeMap<>();

    private record FileKey(String path, String buildId) {
        // Written out, as in MappedRange.

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof FileKey that && path.equals(that.path) && buildId.equals(that.buildId);
        }

        @Override
        public int hashCode() {
            return 31 * path.hashCode() + buildId.hashCode();
        }
    }

    private record Found(@Nullable ElfModule module) {}

    ModuleFinder(RecordingOptions options, Arena arena, PerfFile file) {
        this.options = options;
        this.registry = new ModuleRegistry(options.code());
        this.arena = arena;
        Path symfs = options.symfs();
        this.files = symfs == null ? FileTree.host() : FileTree.under(symfs);
        for (BuildIdEntry entry : file.features().buildIds()) {
            learn(entry);
        }
        String release = file.features().osRelease();
        sameKernel = release != null && release.equals(System.getProperty("os.version"));
    }

    /** Takes a build id from a record; of a stream it may come after the file was looked at, and counts from then on. */
    void learn(BuildIdEntry entry) {
        if (!entry.isKernel() && !entry.buildId().equals(recordedBuildIds.put(entry.fileName(), entry.buildId()))) {
            mappings.keySet().removeIf(range -> range.path().equals(entry.fileName()));
            generation.incrementAndGet();
        }
    }

    /** A number that changes when mappings that were given are out of date. */
    int generation() {
        return generation.get();
    }

    /** The mapping that a record tells of, which is not empty, with its file's module where that is found. */
    Mapping mapping(MappedRange range) {
        return mappings.computeIfAbsent(range, this::open);
    }

    private Mapping open(MappedRange range) {
        long end = range.address() + range.length();
        boolean wraps = Long.compareUnsigned(end, range.address()) < 0;
        return new Mapping(
                range.address(),
                wraps ? -1 : end,
                range.fileOffset(),
                range.executable(),
                range.path(),
                range.executable() ? module(range.path(), range.buildId()) : null);
    }

    private @Nullable ElfModule module(String path, String mappedBuildId) {
        String buildId = mappedBuildId.isEmpty() ? recordedBuildIds.getOrDefault(path, "") : mappedBuildId;
        return modules.computeIfAbsent(new FileKey(path, buildId), key -> new Found(find(key))).module;
    }

    private @Nullable ElfModule find(FileKey key) {
        String path = key.path;
        if (!isFile(path)) {
            return null;
        }
        try {
            ElfFile elf = path.equals(VDSO) ? vdso(key.buildId) : file(path);
            if (elf == null) {
                report(missing, path);
                return null;
            }
            String actual = elf.buildId().map(BuildId::hex).orElse("");
            if (!key.buildId.isEmpty() && !actual.isEmpty() && !sameBuild(key.buildId, actual)) {
                report(path, "its build id is " + actual + ", the recorded one " + key.buildId);
                return null;
            }
            return registry.module(path, elf);
        } catch (MalformedInputException e) {
            report(path, e.reason() + " (at offset 0x" + Long.toHexString(e.offset()) + ")");
        } catch (IOException e) {
            report(path, String.valueOf(e.getMessage()));
        }
        return null;
    }

    /** Whether a mapping's name is that of a file, or of the vDSO: not {@code //anon}, {@code [heap]}, {@code anon_inode:…}. */
    private static boolean isFile(String path) {
        return path.equals(VDSO) || path.startsWith("/") && !path.startsWith("//") && !path.startsWith("/memfd:");
    }

    /** perf pads build ids of fewer than twenty bytes with zeros. */
    private static boolean sameBuild(String recorded, String actual) {
        return recorded.startsWith(actual)
                && recorded.substring(actual.length()).chars().allMatch(digit -> digit == '0');
    }

    private @Nullable ElfFile file(String path) throws IOException {
        Path file = files.find(path).orElse(null);
        return file == null || !Files.isRegularFile(file) ? null : ElfFile.map(file, arena);
    }

    /** A walker through the files that are found here, for one thread. */
    UserUnwinder newUnwinder() {
        return registry.newUnwinder();
    }

    /** The files of the recorded system. */
    FileTree files() {
        return files;
    }

    /**
     * The vDSO: the file given for it; else this kernel's own, if its build id is the recorded one, or none was recorded and the
     * recording was made under the same kernel release.
     */
    private @Nullable ElfFile vdso(String buildId) throws IOException {
        Path given = options.vdso();
        if (given != null) {
            return ElfFile.map(given, arena);
        }
        if (options.symfs() != null) {
            return null;
        }
        byte[] image = RunningVdso.read();
        if (image == null) {
            return null;
        }
        ElfFile own = ElfFile.of(Bytes.of(image, VDSO));
        String actual = own.buildId().map(BuildId::hex).orElse("");
        boolean same = buildId.isEmpty() ? sameKernel : sameBuild(buildId, actual);
        return same ? own : null;
    }

    private static void report(Set<String> set, String path) {
        synchronized (set) {
            set.add(path);
        }
    }

    private void report(String path, String reason) {
        synchronized (unusable) {
            unusable.putIfAbsent(path, reason);
        }
    }

    /** The files that were opened, by the paths that processes knew. */
    Map<String, ElfFile> opened() {
        Map<String, ElfFile> opened = new TreeMap<>();
        modules.forEach((key, found) -> {
            if (found.module != null) {
                opened.put(key.path, found.module.elf());
            }
        });
        return opened;
    }

    /** The files that were wanted and are not there. */
    Set<String> missing() {
        synchronized (missing) {
            return new TreeSet<>(missing);
        }
    }

    /** The files that are there and were not used, each with the reason. */
    Map<String, String> unusable() {
        synchronized (unusable) {
            return new TreeMap<>(unusable);
        }
    }
}
