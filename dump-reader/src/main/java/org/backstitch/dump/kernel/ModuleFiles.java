package org.backstitch.dump.kernel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.ElfImage;

/**
 * Finds the files of modules under a directory, such as {@code /lib/modules/RELEASE}: {@code NAME.ko}, packed or not, or a separate
 * {@code NAME.ko.debug}.
 *
 * <p>In a module's name, {@code -} and {@code _} are the same. A file whose build id is not that of the loaded module is not used, and
 * counted.
 */
final class ModuleFiles {
    private static final Pattern FILE_NAME = Pattern.compile("(.+)\\.ko(\\.(xz|zst|gz|debug))?");
    private static final int MAX_DEPTH = 16;

    private final Map<String, List<Path>> files;
    private final Arena arena;
    private int rejected;

    private ModuleFiles(Map<String, List<Path>> files, Arena arena) {
        this.files = files;
        this.arena = arena;
    }

    /** Nothing to look at. */
    static ModuleFiles none(Arena arena) {
        return new ModuleFiles(Map.of(), arena);
    }

    /**
     * Lists the files under {@code directory}; none is opened yet.
     *
     * @param arena owns what will be opened
     * @throws IOException if the directory cannot be read
     */
    static ModuleFiles in(Path directory, Arena arena) throws IOException {
        Map<String, List<Path>> files = new HashMap<>();
        try (Stream<Path> found = Files.walk(directory, MAX_DEPTH, FileVisitOption.FOLLOW_LINKS)) {
            found.sorted().forEach(path -> {
                Path fileName = path.getFileName();
                Matcher matcher = FILE_NAME.matcher(fileName == null ? "" : fileName.toString());
                if (matcher.matches()) {
                    files.computeIfAbsent(canonical(matcher.group(1)), name -> new ArrayList<>())
                            .add(path);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return new ModuleFiles(files, arena);
    }

    private static String canonical(String moduleName) {
        return moduleName.replace('-', '_');
    }

    /** The files of a module that can be opened and are not known to be of another build. */
    List<ElfFile> find(KernelModule module) {
        List<ElfFile> found = new ArrayList<>();
        for (Path path : files.getOrDefault(canonical(module.name()), List.of())) {
            try {
                ElfFile file = ElfImage.open(path.toString(), arena).elf();
                if (isOf(file, module)) {
                    found.add(file);
                } else {
                    rejected++;
                }
            } catch (IOException | MalformedInputException e) {
                rejected++;
            }
        }
        return found;
    }

    private static boolean isOf(ElfFile file, KernelModule module) {
        return module.buildId().isEmpty()
                || file.buildId().map(id -> id.hex().equals(module.buildId())).orElse(true);
    }

    /** How many files had the name of a module, but could not be read or are of another build. */
    int rejected() {
        return rejected;
    }
}
