package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntConsumer;
import org.backstitch.fixtures.BundledRecording;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.perf.CallchainContext;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfRecord;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordType;
import org.backstitch.perf.SampleCursor;
import org.backstitch.unwind.deferred.simulation.Scenario;
import org.backstitch.unwind.deferred.simulation.Scenarios;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code script} makes of a pipe, and when. */
class ScriptStreamTest {
    @TempDir
    private Path directory = Path.of("");

    private Path fixture(String name) throws IOException {
        return Files.write(directory.resolve(name + ".data"), Fixtures.bytes("perf/" + name + ".data.xz"));
    }

    private static void bothWaysGiveTheSame(Path file, String... options) throws IOException {
        byte[] piped = Pipes.piped(file);
        for (String merging : List.of("--max-stack=127", "--no-merge-callchains")) {
            for (String threads : List.of("--threads=1", "--threads=3")) {
                List<String> all = new ArrayList<>(List.of(options));
                all.addAll(List.of("--format=json", merging, threads));
                String[] words = all.toArray(String[]::new);
                Pipes.Said ofFile = Pipes.script(file, words);
                Pipes.Said ofPipe = Pipes.script(new ByteArrayInputStream(piped), new ByteArrayOutputStream(), words);
                assertEquals(ofFile.out(), ofPipe.out(), file + " " + all);
                assertEquals(ofFile.summary(), ofPipe.summary(), file + " " + all);
                assertTrue(ofFile.out().length() > 200, file.toString());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "dwarf3",
                "group",
                "inherit",
                "switch",
                "intr",
                "zpipe",
                "zstd",
                "tracepoint",
                "tppipe",
                "breakpoint",
                "linux72-zstd",
                "linux72-pipe",
                "linux72-dataaddr",
                "linux72-regs",
                "linux72-perthread",
                "linux72-multi",
                "linux72-sysw"
            })
    void aPipeGivesWhatAFileGives(String name) throws IOException {
        bothWaysGiveTheSame(fixture(name), "--symfs=" + directory);
    }

    @ParameterizedTest
    @ValueSource(strings = {"signals", "deep", "ls"})
    void aPipeGivesWhatAFileGivesWithNames(String name) throws IOException {
        BundledRecording bundled = BundledRecording.unpack(name, directory);
        bothWaysGiveTheSame(bundled.data(), "--symfs=" + bundled.symfs(), "--vdso=" + bundled.vdso());
    }

    @Test
    void everyScenarioComesOutOfAPipeAsOfAFile() throws IOException {
        String files = directory.resolve("fs").toString();
        for (Scenario scenario : Scenarios.all()) {
            for (String protocol : List.of("mainline", "rfc2017")) {
                Path file = directory.resolve(scenario.name() + "." + protocol);
                SimulateCommand simulate = new SimulateCommand();
                simulate.run(
                        simulate.syntax()
                                .parse(
                                        "--scenario",
                                        scenario.name(),
                                        "--protocol",
                                        protocol,
                                        "-o",
                                        file.toString(),
                                        "--symfs",
                                        files),
                        Session.of(new ByteArrayOutputStream(), new ByteArrayOutputStream()));
                String[] options = {
                    "--format=json", "--symfs=" + files, "--abi=" + (protocol.equals("rfc2017") ? protocol : "linux")
                };
                Pipes.Said ofPipe =
                        Pipes.script(new ByteArrayInputStream(Pipes.piped(file)), new ByteArrayOutputStream(), options);
                String ofFile = Pipes.script(file, options).out();
                if (protocol.equals("rfc2017")) {
                    // Without cookies the two may call the reason of a loss differently, and nothing else.
                    assertEquals(withoutReasons(ofFile), withoutReasons(ofPipe.out()), file.toString());
                } else {
                    assertEquals(ofFile, ofPipe.out(), file.toString());
                }
            }
        }
    }

    /** Whether late callchains are merged or not, one whose count cannot be right is counted and left out, and all else comes out. */
    @Test
    void aDamagedLateCallchainIsLeftOut() throws IOException {
        Path file = directory.resolve("damaged");
        String files = directory.resolve("fs").toString();
        SimulateCommand simulate = new SimulateCommand();
        simulate.run(
                simulate.syntax()
                        .parse("--scenario", "tour", "--protocol", "mainline", "-o", file.toString(), "--symfs", files),
                Session.of(new ByteArrayOutputStream(), new ByteArrayOutputStream()));
        String[] options = {"--format=json", "--symfs=" + files, "--no-merge-callchains"};
        int whole = (int) Pipes.script(file, options).out().lines().count();
        byte[] bytes = Files.readAllBytes(file);
        try (PerfFile recording = PerfFile.open(file)) {
            RecordCursor records = recording.records();
            do {
                assertTrue(records.next());
            } while (records.type() != RecordType.CALLCHAIN_DEFERRED);
            int count = (int) records.offset() + 16;
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(count, 1L << 40);
        }
        Files.write(file, bytes);
        Pipes.Said said = Pipes.script(file, options);
        assertEquals(whole - 1, said.out().lines().count());
        assertTrue(said.summary().contains("bad record: 1"), said.summary());
        Pipes.Said piped =
                Pipes.script(new ByteArrayInputStream(Pipes.piped(file)), new ByteArrayOutputStream(), options);
        assertEquals(said.out(), piped.out());
        assertTrue(piped.summary().contains("bad record: 1"), piped.summary());
    }

    private static String withoutReasons(String json) {
        return json.replaceAll("\"lost:[a-z-]*\"", "\"lost\"");
    }

    /** Gives a stream in pieces; before it gives the next, it tells how much it has given. */
    private static final class Pieces extends InputStream {
        private final byte[] content;
        private final List<Integer> ends;
        private final IntConsumer beforeNext;
        private int at;
        private int piece;

        Pieces(byte[] content, List<Integer> ends, IntConsumer beforeNext) {
            this.content = content;
            this.ends = ends;
            this.beforeNext = beforeNext;
        }

        @Override
        public int available() {
            return ends.get(piece) - at;
        }

        @Override
        public int read() {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] to, int offset, int length) {
            if (at == ends.get(piece)) {
                if (at == content.length) {
                    return -1;
                }
                beforeNext.accept(at);
                piece++;
            }
            int count = Math.min(length, ends.get(piece) - at);
            System.arraycopy(content, at, to, offset, count);
            at += count;
            return count;
        }
    }

    /** A sample or a late record, with what decides when a sample may leave. */
    private record Seen(long offset, long time, boolean sample, String request) {}

    /** Where rounds end, and what was seen, by the records themselves; the slow and obvious way. */
    private static final class Oracle {
        final List<Integer> ends = new ArrayList<>();
        private final List<Seen> seen = new ArrayList<>();
        private final List<Long> rounds = new ArrayList<>();

        Oracle(Path path) throws IOException {
            try (PerfFile file = PerfFile.open(path)) {
                RecordCursor records = file.records();
                SampleCursor sample = file.samples();
                while (records.next()) {
                    ends.add((int) records.nextOffset());
                    if (records.type() == RecordType.FINISHED_ROUND) {
                        rounds.add(records.nextOffset());
                    } else if (records.isSample()) {
                        assertTrue(sample.moveTo(records.offset()));
                        String request = "";
                        for (int i = 0; i + 1 < sample.callchainLength(); i++) {
                            if (sample.callchain(i) == CallchainContext.USER_DEFERRED) {
                                request = sample.tid() + " " + sample.callchain(i + 1);
                            }
                        }
                        seen.add(new Seen(records.nextOffset(), sample.time(), true, request));
                    } else if (records.time() > 0) {
                        String name = file.record(records.offset()) instanceof PerfRecord.CallchainDeferred late
                                ? late.sampleId().tid() + " " + late.cookie()
                                : "";
                        seen.add(new Seen(records.nextOffset(), records.time(), false, name));
                    }
                }
            }
            seen.sort(Comparator.comparingLong(Seen::time).thenComparingLong(Seen::offset));
        }

        private long latestBefore(long offset) {
            return seen.stream()
                    .filter(s -> s.offset <= offset)
                    .mapToLong(Seen::time)
                    .max()
                    .orElse(0);
        }

        /** How many samples may have left when so many bytes have come. */
        int samplesAfter(int bytes) {
            List<Long> past = rounds.stream().filter(end -> end <= bytes).toList();
            if (past.size() < 2) {
                return 0;
            }
            long horizon = latestBefore(past.get(past.size() - 2));
            List<Seen> known = seen.stream()
                    .filter(s -> s.offset <= past.getLast() && s.time <= horizon)
                    .toList();
            Set<String> answered = new HashSet<>();
            known.stream().filter(s -> !s.sample).forEach(s -> answered.add(s.request));
            int count = 0;
            for (Seen s : known) {
                if (s.sample && !s.request.isEmpty() && !answered.contains(s.request)) {
                    break;
                }
                count += s.sample ? 1 : 0;
            }
            return count;
        }
    }

    /** Where every request is answered, rounds and records alone decide when a sample leaves; where not, an exec may, and earlier. */
    @ParameterizedTest
    @CsvSource({"linux72-pipe,1", "linux72-pipe,3", "linux72-sysw,1", "linux72-sysw,3", "dwarf3,1", "dwarf3,3"})
    void aSampleLeavesAsSoonAsNothingCanComeBeforeIt(String name, String threads) throws IOException {
        Path recorded = fixture(name);
        byte[] content = Pipes.inRounds(recorded, 10_000_000);
        Path file = Files.write(directory.resolve("in.rounds"), content);
        String[] options = {"--format=json", "--symfs=" + directory, "--threads=" + threads};
        String expected = Pipes.script(file, options).out();
        assertEquals(Pipes.script(recorded, options).out(), expected);
        Oracle oracle = new Oracle(file);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        List<Integer> early = new ArrayList<>();
        Pieces pieces = new Pieces(content, oracle.ends, bytes -> {
            String printed = out.toString(StandardCharsets.UTF_8);
            assertTrue(expected.startsWith(printed));
            long left = printed.lines().count();
            int least = oracle.samplesAfter(bytes);
            assertTrue(left == least || expected.contains("lost:exec") && left > least, "after " + bytes + " bytes");
            if (!printed.isEmpty()) {
                early.add(bytes);
            }
        });
        assertEquals(expected, Pipes.script(pieces, out, options).out());
        assertTrue(early.size() > 20 && early.getFirst() < content.length * 2L / 3, early.toString());
    }

    @Test
    void whatWaitsTooLongIsGivenUpAndCounted() throws IOException {
        byte[] content = Pipes.piped(fixture("linux72-sysw"));
        Pipes.Said all = Pipes.script(
                new ByteArrayInputStream(content),
                new ByteArrayOutputStream(),
                "--format=json",
                "--symfs=" + directory);
        Pipes.Said few = Pipes.script(
                new ByteArrayInputStream(content),
                new ByteArrayOutputStream(),
                "--format=json",
                "--symfs=" + directory,
                "--max-waiting=3");
        List<String> complete = all.out().lines().toList();
        List<String> bounded = few.out().lines().toList();
        assertEquals(complete.size(), bounded.size());
        int givenUp = 0;
        for (int i = 0; i < complete.size(); i++) {
            if (bounded.get(i).contains("\"deferred\":\"lost:given-up\"")) {
                givenUp++;
                String own = bounded.get(i).replaceFirst("],\"user_stop\".*", "");
                assertTrue(complete.get(i).startsWith(own), complete.get(i));
            } else {
                assertEquals(complete.get(i), bounded.get(i));
            }
        }
        assertTrue(givenUp > 20, "given up: " + givenUp);
        assertTrue(few.err().contains(", " + givenUp + " lost:given-up; "), few.err());
    }
}
