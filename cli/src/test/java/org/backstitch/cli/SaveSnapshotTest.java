package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.dump.user.Snapshot;
import org.backstitch.dump.user.SnapshotWriter;
import org.backstitch.fixtures.BundledRecording;
import org.backstitch.recording.Recording;
import org.backstitch.recording.RecordingOptions;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.UserUnwinder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Samples kept as snapshots: the same chain from there, whatever it ends by. */
class SaveSnapshotTest {
    @TempDir
    private Path directory;

    @ParameterizedTest
    @CsvSource({"signals, 5", "deep, 40", "ls, 3"})
    void everyKeptSampleHasItsChain(String name, int step) throws IOException {
        BundledRecording bundled = BundledRecording.unpack(name, directory);
        RecordingOptions options = RecordingOptions.defaults()
                .withSymfs(bundled.symfs())
                .withVdso(bundled.vdso())
                .withThreads(1);
        int[] count = {0, 0};
        Callchain chain = new Callchain();
        UserUnwinder unwinder = new UserUnwinder();
        try (Recording recording = Recording.open(bundled.data(), options)) {
            recording.forEach(sample -> {
                if (count[0]++ % step != 0) {
                    return;
                }
                Path copy = directory.resolve("case" + count[0]);
                recording.giveStack(sample, (space, registers, dump) -> {
                    unwinder.unwind(space, registers, dump, chain);
                    SnapshotWriter.write(copy, space, registers, dump, recording::debugFile);
                    Callchain again = new Callchain();
                    try (Snapshot snapshot = Snapshot.open(copy)) {
                        snapshot.process().unwind(snapshot.process().threads().getFirst(), new UserUnwinder(), again);
                    }
                    assertTrue(chain.sameFramesAs(again), chain + "\n" + again);
                    count[1]++;
                });
            });
        }
        assertTrue(count[1] > 5, count[1] + " of " + count[0]);
    }

    @Test
    void fromScriptToSnapshot() throws IOException {
        BundledRecording bundled = BundledRecording.unpack("deep", directory);
        String symfs = "--symfs=" + bundled.symfs();
        String vdso = "--vdso=" + bundled.vdso();
        String data = bundled.data().toString();
        String kept = directory.resolve("kept").toString();
        CommandRun saved = CommandRun.of("script", symfs, vdso, "--sample", "7", "--save-snapshot", kept, data);
        assertEquals(ExitStatus.DONE, saved.status(), saved.err());
        assertTrue(saved.err().contains("the same chain from there"), saved.err());
        CommandRun shown = CommandRun.of("snapshot", kept, "--max-stack", "3");
        assertEquals(ExitStatus.DONE, shown.status(), shown.err());
        List<String> first = saved.out()
                .lines()
                .filter(line -> line.startsWith("\t"))
                .limit(3)
                .toList();
        List<String> again = shown.out()
                .lines()
                .filter(line -> line.startsWith("\t "))
                .limit(3)
                .toList();
        assertEquals(first, again);
        String time = saved.out().lines().findFirst().orElseThrow().replaceAll(".* ([0-9]+\\.[0-9]{9}): .*", "$1");
        assertEquals(
                saved.out(),
                CommandRun.of("script", symfs, vdso, "--sample", time, data).out());
        CommandRun json = CommandRun.of("snapshot", kept, "--format=json", "--registers");
        assertTrue(
                json.out().startsWith("{\"pid\":null,\"tid\":null,\"comm\":null,\"frames\":[{\"ip\":\""), json.out());
        CommandRun twice = CommandRun.of("script", symfs, vdso, "--sample", "7", "--save-snapshot", kept, data);
        assertEquals(ExitStatus.UNUSABLE, twice.status());
        assertEquals("backstitch: " + kept + ": it exists already, and is not empty\n", twice.err());
        assertEquals("", twice.out(), "it is refused before anything is read");
        CommandRun none = CommandRun.of("script", symfs, vdso, "--sample", "123456789", data);
        assertEquals(ExitStatus.UNUSABLE, none.status());
        assertTrue(
                none.err().startsWith("backstitch: " + data + ": there is no sample 123456789 among the "), none.err());
    }

    @Test
    void samplesAreNamedByNumberOrTime() {
        assertEquals(new SampleChoice(3, 0, -1, "3"), SampleChoice.parse("3"));
        assertEquals(new SampleChoice(0, 12_000_345_678L, -1, "12.000345678"), SampleChoice.parse("12.000345678"));
        assertEquals(new SampleChoice(0, 1, 47, "47:0.000000001"), SampleChoice.parse("47:0.000000001"));
        for (String wrong : List.of("0", "-1", "1.5", "x", "47:3")) {
            assertThrows(UsageException.class, () -> SampleChoice.parse(wrong));
        }
        assertEquals(
                ExitStatus.USAGE,
                CommandRun.of("script", "--save-snapshot", "x", "perf.data").status());
    }
}
