package org.backstitch.bench;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.backstitch.fixtures.BundledRecording;
import org.backstitch.recording.RecordingOptions;
import org.tukaani.xz.XZInputStream;

/**
 * A recording that is measured: a bundled one, or any other.
 *
 * @param data the recording
 * @param options finds its files
 * @param golden its golden chains, in the words of {@link BundledRecording#goldenChains}; empty where there are none
 */
record BenchmarkRecording(Path data, RecordingOptions options, List<String> golden) {
    /** Chains as long as the goldens have them. */
    static final int MAX_STACK = 1024;

    /**
     * Finds a recording.
     *
     * @param recording the name of a bundled one, or the path of another; beside that may lie its golden chains, {@code chains.tsv} or
     *     {@code chains.tsv.xz}
     * @param symfs the recorded system's files, or empty; of a bundled one they are known
     * @param vdso the recorded system's vDSO, or empty
     */
    static BenchmarkRecording of(String recording, String symfs, String vdso) throws IOException {
        RecordingOptions options = RecordingOptions.defaults().withMaxStack(MAX_STACK);
        if (BundledRecording.NAMES.contains(recording)) {
            Path directory = Files.createTempDirectory("backstitch-bench");
            BundledRecording bundled = BundledRecording.unpack(recording, directory);
            deleteOnExit(directory);
            return new BenchmarkRecording(
                    bundled.data(),
                    options.withSymfs(bundled.symfs()).withVdso(bundled.vdso()),
                    bundled.goldenChains().orElse(List.of()));
        }
        if (!symfs.isEmpty()) {
            options = options.withSymfs(Path.of(symfs));
        }
        if (!vdso.isEmpty()) {
            options = options.withVdso(Path.of(vdso));
        }
        Path data = Path.of(recording);
        return new BenchmarkRecording(data, options, goldenBeside(data));
    }

    /** Has a directory deleted with all that is in it, which comes after it here and so goes before it then. */
    private static void deleteOnExit(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            all.map(Path::toFile).forEach(File::deleteOnExit);
        }
    }

    /** What a recording is called in a table: of {@code DIRECTORY/perf.data} the directory's name, else the file's. */
    static String shortName(String recording) {
        return recording.replaceFirst("/perf\\.data$", "").replaceFirst(".*/", "");
    }

    private static List<String> goldenBeside(Path data) throws IOException {
        Path plain = data.resolveSibling("chains.tsv");
        if (Files.exists(plain)) {
            return Files.readAllLines(plain);
        }
        Path packed = data.resolveSibling("chains.tsv.xz");
        if (!Files.exists(packed)) {
            return List.of();
        }
        try (InputStream in = new XZInputStream(Files.newInputStream(packed))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }
}
