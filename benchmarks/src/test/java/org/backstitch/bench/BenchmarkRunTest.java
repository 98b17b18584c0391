package org.backstitch.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Every benchmark runs, for a moment, and what it unwinds is right; what they measured is written down. */
class BenchmarkRunTest {
    @TempDir
    private Path directory;

    @Test
    void everyBenchmarkRunsAndIsReported() throws RunnerException, IOException {
        System.setProperty("jmh.ignoreLock", "true");
        Collection<RunResult> results = new Runner(BenchmarkRun.suites(true)
                        .include("org\\.backstitch\\.bench\\..*")
                        .forks(0)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .run();
        BenchmarkReport report = new BenchmarkReport(
                true,
                new MachineState(Map.of("java", "25")),
                results,
                List.of(
                        new WholeCommands.Time("ls", "backstitch fold", 0.25),
                        new WholeCommands.Time("ls", "perf script", 1)),
                List.of(
                        peer("backstitch", 190, 0, 0, 0),
                        peer("framehop", 190, 4_500_000, 92_250, 49)
                                .orBetter(peer("framehop", 190, 5_500_000, 88_000, 47)),
                        peer("libdw", 100, 0, 1, 98)));
        report.writeTo(directory);

        String table = Files.readString(directory.resolve("results.md"));
        Set<String> suites = results.stream()
                .map(result -> result.getParams().getBenchmark())
                .map(name -> name.replaceFirst(".*\\.(\\w+)\\.\\w+$", "$1"))
                .collect(Collectors.toCollection(TreeSet::new));
        assertEquals(
                Set.of(
                        "ColdWalkBenchmark",
                        "CompileBenchmark",
                        "KernelUnwindBenchmark",
                        "LookupBenchmark",
                        "RecordingBenchmark",
                        "StitchBenchmark",
                        "WalkBenchmark"),
                suites);
        assertTrue(table.contains("| deep | WalkBenchmark.warm |"), table);
        assertTrue(table.contains("| ls | perf script | 1.00 | s | 4.00 |"), table);
        // The first pass is the one whose set-up and walk together are shortest, not each for itself.
        assertTrue(
                table.matches("(?s).*\\| deep \\| framehop 1\\.5 \\| 190 frames "
                        + "\\| 47\\.0 \\| [0-9.e+]+ \\| [0-9.]+ \\| 22\\.0 \\| [0-9.e+]+ \\| [0-9.]+ \\| 00ff \\|.*"),
                table);
        assertTrue(table.contains("- framehop, where it finds all frames: "), table);
        assertTrue(table.contains("- libdw, all: "), table);
        assertFalse(table.contains("- libdw, where it finds all frames: "), table);
        Matcher proportions = Pattern.compile("(?m)^\\| deep \\| ([0-9.]+) \\| ([0-9.]+) \\| ([0-9.]+) \\|$")
                .matcher(table);
        assertTrue(proportions.find(), table);
        for (int i = 1; i <= 3; i++) {
            assertTrue(Double.parseDouble(proportions.group(i)) > 0, table);
        }

        int benchmarks = 0;
        int seconds = 0;
        try (JsonParser json =
                new JsonFactory().createParser(directory.resolve("results.json").toFile())) {
            for (JsonToken token = json.nextToken(); token != null; token = json.nextToken()) {
                benchmarks +=
                        token == JsonToken.FIELD_NAME && json.currentName().equals("benchmark") ? 1 : 0;
                seconds += token == JsonToken.FIELD_NAME && json.currentName().equals("seconds") ? 1 : 0;
            }
        }
        assertEquals(results.size(), benchmarks);
        assertEquals(2, seconds);
    }

    private static Peers.Measured peer(String name, long count, long setup, double cold, double warm)
            throws IOException {
        return Peers.parse(
                "deep",
                "{\"peer\":\"%s\",\"version\":\"1.5\",\"unit\":\"frame\",\"count\":%d,\"setup\":%d,\"cold\":%s,\"warm\":%s,\"hash\":\"00ff\"}"
                        .formatted(name, count, setup, cold, warm));
    }
}
