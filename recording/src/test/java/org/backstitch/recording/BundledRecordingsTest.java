package org.backstitch.recording;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.fixtures.BundledRecording;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole recordings against the chains on which libunwind and elfutils agree: every sample, every frame. */
class BundledRecordingsTest {
    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"signals", "deep"})
    void everyChainIsTheGolden(String name) throws IOException {
        BundledRecording bundled = BundledRecording.unpack(name, directory);
        List<String> golden = bundled.goldenChains().orElseThrow().stream()
                .filter(line -> !line.startsWith("#"))
                .toList();
        List<String> ours = new ArrayList<>();
        RecordingOptions options = RecordingOptions.defaults()
                .withSymfs(bundled.symfs())
                .withVdso(bundled.vdso())
                .withMaxStack(1024);
        try (Recording recording = Recording.open(bundled.data(), options)) {
            recording.forEach(sample -> ours.add(line(sample)));
        }
        assertTrue(golden.size() > 700);
        for (int i = 0; i < Math.min(golden.size(), ours.size()); i++) {
            assertEquals(golden.get(i), ours.get(i), "sample " + i);
        }
        assertEquals(golden.size(), ours.size());
    }

    /** The kernel's functions that a timer interrupted on their first instruction, by name as perf script has them. */
    @Test
    void aFunctionInterruptedAtItsStartIsNotItsPadding() throws IOException {
        BundledRecording bundled = BundledRecording.unpack("ls", directory);
        RecordingOptions options = RecordingOptions.defaults()
                .withSymfs(bundled.symfs())
                .withVdso(bundled.vdso())
                .withKallsyms(bundled.kallsyms().orElseThrow());
        List<String> starts = new ArrayList<>();
        try (Recording recording = Recording.open(bundled.data(), options)) {
            recording.forEach(sample -> {
                for (int i = 1; i < sample.kernelFrames(); i++) {
                    if (sample.offset(i) == 0) {
                        starts.add(sample.time() + " " + sample.frame(i).symbol());
                    }
                    assertFalse(String.valueOf(sample.frame(i).symbol()).startsWith("__pfx_"));
                }
            });
        }
        assertEquals(List.of("182748396867 security_file_permission", "186493484363 __kmalloc_cache_noprof"), starts);
    }

    private static String line(ResolvedSample sample) {
        StringBuilder line = new StringBuilder();
        line.append(sample.time())
                .append('\t')
                .append(sample.pid())
                .append('\t')
                .append(sample.tid());
        line.append("\tagreed\t");
        for (int i = 0; i < sample.size(); i++) {
            line.append(i == 0 ? "" : " ").append(Long.toHexString(sample.ip(i)));
        }
        return line.toString();
    }
}
