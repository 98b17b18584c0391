package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.backstitch.fixtures.BundledRecording;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The sums of {@code fold} are those of the samples that {@code script} prints, whose chains are held against goldens elsewhere. */
class FoldCommandTest {
    @TempDir
    private Path directory;

    /** A sample as JSON, as a line of folded stacks has it. */
    private static String folded(String json) throws IOException {
        String comm = "";
        List<String> frames = new ArrayList<>();
        String symbol = null;
        String dso = "";
        boolean isKernel = false;
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                String name = parser.currentName();
                if (token == JsonToken.START_OBJECT) {
                    symbol = null;
                } else if (token == JsonToken.VALUE_STRING && name != null) {
                    switch (name) {
                        case "comm" -> comm = parser.getText();
                        case "sym" -> symbol = parser.getText();
                        case "dso" -> dso = parser.getText();
                        case "kind" -> isKernel = parser.getText().equals("kernel");
                        default -> {}
                    }
                } else if (token == JsonToken.END_OBJECT
                        && !parser.getParsingContext().inRoot()) {
                    frames.addFirst(label(symbol, dso) + (isKernel ? "_[k]" : ""));
                }
            }
        }
        return (comm + ";" + String.join(";", frames)).replaceFirst(";$", "");
    }

    private static String label(@Nullable String symbol, String dso) {
        if (symbol != null) {
            return symbol.replace(';', ':');
        }
        return dso.startsWith("[") ? dso : "[" + dso.substring(dso.lastIndexOf('/') + 1) + "]";
    }

    @ParameterizedTest
    @CsvSource({"deep, 1", "deep, 2", "deep, 5", "ls, 1", "ls, 3", "signals, 2"})
    void sumsAreThoseOfTheSamples(String name, String threads) throws IOException {
        BundledRecording recording = BundledRecording.unpack(name, directory);
        String symfs = recording.symfs().toString();
        String vdso = recording.vdso().toString();
        String data = recording.data().toString();
        CommandRun script = CommandRun.of("script", "--format=json", "--symfs", symfs, "--vdso", vdso, data);
        Map<String, Long> expected = new TreeMap<>();
        for (String sample : script.out().lines().toList()) {
            expected.merge(folded(sample), 1L, Long::sum);
        }
        CommandRun fold = CommandRun.of("fold", "--threads", threads, "--symfs", symfs, "--vdso", vdso, data);
        assertEquals(ExitStatus.DONE, fold.status());
        Map<String, Long> sums = new TreeMap<>();
        for (String line : fold.out().lines().toList()) {
            int space = line.lastIndexOf(' ');
            sums.merge(line.substring(0, space), Long.parseLong(line.substring(space + 1)), Long::sum);
        }
        assertEquals(expected, sums);
        assertEquals(fold.out().lines().count(), sums.size(), "a line for each stack");
    }
}
