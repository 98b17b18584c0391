package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class PerfWriterTest {
    @TempDir
    Path dir;

    static List<String> recordings() {
        return RecordingFixtures.ALL;
    }

    /** The records that belong into a file, without their places. */
    private static List<String> records(PerfFile file) {
        return withoutHeaders(PerfReport.render(file).values());
    }

    private static List<String> withoutHeaders(Collection<String> records) {
        return records.stream()
                .filter(text -> !text.matches("0x[0-9a-f]+ (ATTR|FEATURE|BUILD_ID|TRACING_DATA|EVENT_TYPE)"))
                .toList();
    }

    private Path copy(PerfFile in) throws IOException {
        Path copy = dir.resolve("copy.data");
        try (PerfWriter out = PerfWriter.create(copy, in.events())) {
            out.features(in.features());
            for (RecordCursor record = in.records(); record.next(); ) {
                out.copy(in, record);
            }
        }
        return copy;
    }

    @ParameterizedTest
    @MethodSource("recordings")
    void copiesARecording(String name) throws Exception {
        try (PerfFile in = PerfFile.open(RecordingFixtures.file(name, dir));
                PerfFile out = PerfFile.open(copy(in))) {
            assertTrue(out.anomalies().isEmpty(), () -> out.anomalies().toString());
            assertEquals(records(in), records(out));
            assertEquals(in.events(), out.events());
            assertEquals(in.features().buildIds(), out.features().buildIds());
            assertEquals(in.features().commandLine(), out.features().commandLine());
            assertEquals(in.features().hostName(), out.features().hostName());
            assertEquals(in.features().groups(), out.features().groups());
            assertEquals(in.features().sampleTime(), out.features().sampleTime());
            assertEquals(in.features().pmuNames(), out.features().pmuNames());
            assertNull(out.features().compression());
        }
    }

    /** The standard output of perf, a line each; skips the test where perf is not installed. */
    private List<String> perf(Path directory, String... arguments) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/perf")), "perf is not installed");
        List<String> command = new ArrayList<>(List.of("perf"));
        command.addAll(List.of(arguments));
        Path text = directory.resolve("perf.txt");
        Process process = new ProcessBuilder(command)
                .redirectOutput(text.toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertEquals(0, process.waitFor(), () -> "perf " + List.of(arguments));
        return new String(Files.readAllBytes(text), StandardCharsets.ISO_8859_1)
                .lines()
                .toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"dwarf3", "group", "switch", "intr", "zstd", "tracepoint"})
    void perfReadsACopyAsTheOriginal(String name) throws Exception {
        Path original = RecordingFixtures.file(name, dir);
        try (PerfFile in = PerfFile.open(original)) {
            String copy = copy(in).toString();
            assertEquals(
                    perf(dir, "script", "-i", original.toString(), "-F", "comm,pid,tid,time,event,ip,period"),
                    perf(dir, "script", "-i", copy, "-F", "comm,pid,tid,time,event,ip,period"));
            assertEquals(perf(dir, "evlist", "-v", "-i", original.toString()), perf(dir, "evlist", "-v", "-i", copy));
            assertEquals(perf(dir, "buildid-list", "-i", original.toString()), perf(dir, "buildid-list", "-i", copy));
        }
    }

    private static final long DROPPED = SampleType.REGS_USER | SampleType.STACK_USER;

    private static List<PerfEvent> withoutStacks(PerfFile in) {
        List<PerfEvent> events = new ArrayList<>();
        for (PerfEvent event : in.events()) {
            PerfEventAttr attr = event.attr();
            events.add(new PerfEvent(
                    event.index(),
                    event.name(),
                    attr.withSampleType((attr.sampleType() & ~DROPPED) | SampleType.CALLCHAIN)
                            .withSampleRegsUser(0)
                            .withSampleStackUser(0)
                            .withFlags(attr.flags() & ~PerfEventAttr.FLAG_EXCLUDE_CALLCHAIN_USER),
                    event.ids()));
        }
        return events;
    }

    /** All samples get the callchain {kernel 0xffffffff81000001, user IP}; perf must read just that. */
    @ParameterizedTest
    @ValueSource(strings = {"dwarf3", "zstd", "zpipe", "intr", "switch"})
    void rewritesCallchains(String name) throws Exception {
        Path rewritten = dir.resolve("rewritten.data");
        try (PerfFile in = PerfFile.open(RecordingFixtures.file(name, dir))) {
            try (PerfWriter out = PerfWriter.create(rewritten, withoutStacks(in))) {
                out.features(in.features());
                SampleCursor sample = in.samples();
                for (RecordCursor record = in.records(); record.next(); ) {
                    if (record.isSample()) {
                        assertTrue(sample.moveTo(record.offset()));
                        long[] chain = {
                            CallchainContext.KERNEL, 0xffffffff81000001L, CallchainContext.USER, sample.ip(), 0, 0
                        };
                        assertEquals(4, out.sample(in, sample, chain, 4));
                    } else {
                        out.copy(in, record);
                    }
                }
            }
            try (PerfFile out = PerfFile.open(rewritten)) {
                List<String> expected = new ArrayList<>();
                for (String text : records(in)) {
                    expected.add(text.contains("SAMPLE(") ? withChain(text) : text);
                }
                List<String> read = records(out).stream()
                        .map(text ->
                                text.contains("SAMPLE(") ? text.replaceFirst("0x[0-9a-f]+ SAMPLE", "SAMPLE") : text)
                        .toList();
                assertEquals(expected, read);
                assertTrue(out.bytes().size() < in.bytes().size() || name.equals("switch"), "it has no stacks to lose");

                List<String> report = perf(dir, "report", "-D", "--stdio", "-i", rewritten.toString());
                assertEquals(PerfReport.parse(report), PerfReport.render(out));
                assertTrue(perf(dir, "report", "--stdio", "-g", "caller", "-i", rewritten.toString()).stream()
                        .anyMatch(line -> line.contains("Children")));
            }
        }
    }

    /** What {@link PerfReport} says about the sample, rewritten: without size, registers and stack, with the new callchain. */
    private static String withChain(String text) {
        List<String> lines = new ArrayList<>();
        String ip = text.replaceFirst("(?s).*?: \\d+/\\d+: 0x([0-9a-f]+) .*", "$1");
        for (String line : text.lines().toList()) {
            boolean chain = line.startsWith("... FP chain") || line.startsWith(".....");
            boolean registers = line.startsWith("... user regs") || line.startsWith("... ustack");
            if (lines.isEmpty()) {
                lines.add(line.replaceFirst("0x[0-9a-f]+ SAMPLE", "SAMPLE"));
                lines.add("... FP chain: nr:4");
                lines.add("..... 0: ffffffffffffff80".replace("..... 0", ".....  0"));
                lines.add(".....  1: ffffffff81000001");
                lines.add(".....  2: fffffffffffffe00");
                lines.add(".....  3: " + "0".repeat(16 - ip.length()) + ip);
            } else if (!chain && !registers && !(line.startsWith(".... ") && !inInterruptRegisters(lines))) {
                lines.add(line);
            }
        }
        return String.join("\n", lines);
    }

    private static boolean inInterruptRegisters(List<String> lines) {
        return lines.stream().anyMatch(line -> line.startsWith("... intr regs"));
    }

    private static List<PerfEvent> simulated() {
        long type = SampleType.IDENTIFIER
                | SampleType.IP
                | SampleType.TID
                | SampleType.TIME
                | SampleType.CPU
                | SampleType.PERIOD
                | SampleType.CALLCHAIN;
        PerfEventAttr attr = PerfEventAttr.of(PerfEventAttr.TYPE_SOFTWARE, 0)
                .withSampleType(type)
                .withSamplePeriod(1000)
                .withFlags(PerfEventAttr.FLAG_SAMPLE_ID_ALL
                        | PerfEventAttr.FLAG_MMAP
                        | PerfEventAttr.FLAG_MMAP2
                        | PerfEventAttr.FLAG_COMM
                        | PerfEventAttr.FLAG_COMM_EXEC
                        | PerfEventAttr.FLAG_TASK
                        | PerfEventAttr.FLAG_EXCLUDE_GUEST);
        PerfEventAttr stacks = attr.withSampleType(type | DROPPED)
                .withSampleRegsUser(1 << PerfRegisters.SP | 1 << PerfRegisters.IP)
                .withSampleStackUser(16);
        return List.of(
                new PerfEvent(0, "cpu-clock", attr, new long[] {100, 101}),
                new PerfEvent(1, "with-stacks", stacks, new long[] {102}));
    }

    private static void write(Path path, boolean deferred) throws IOException {
        try (PerfWriter out = PerfWriter.create(path, simulated())) {
            out.feature(PerfFeatures.HOSTNAME, "simulated");
            out.feature(PerfFeatures.OSRELEASE, "6.19.0");
            out.feature(PerfFeatures.ARCH, "x86_64");
            out.commandLine(List.of("backstitch", "simulate"));
            out.buildIds(List.of(new BuildIdEntry(
                    "/bin/a", "00112233445566778899aabbccddeeff00112233", -1, RecordMisc.CPU_MODE_USER)));
            out.comm(new SampleId(1, 1, 10, 100, -1, 0), 1, 1, "init", true);
            out.mmap2(
                    RecordMisc.CPU_MODE_USER,
                    new SampleId(1, 1, 11, 100, -1, 0),
                    1,
                    1,
                    0x400000,
                    0x2000,
                    0x1000,
                    new PerfRecord.MappedFile.BuildId("00112233445566778899aabbccddeeff00112233"),
                    5,
                    2,
                    "/bin/a");
            out.mmap2(
                    RecordMisc.CPU_MODE_USER,
                    new SampleId(1, 1, 12, 101, -1, 1),
                    1,
                    1,
                    0x500000,
                    0x1000,
                    0,
                    new PerfRecord.MappedFile.Inode(8, 1, 77, 3),
                    5,
                    2,
                    "/bin/b");
            out.fork(new SampleId(1, 1, 20, 100, -1, 0), 2, 1, 2, 1, 20);
            out.sample(
                    0,
                    new SampleFields()
                            .misc(RecordMisc.CPU_MODE_KERNEL)
                            .id(101)
                            .ip(0xffffffff81000000L)
                            .task(2, 2)
                            .time(30)
                            .cpu(1)
                            .period(1000)
                            .callchain(
                                    new long[] {
                                        CallchainContext.KERNEL,
                                        0xffffffff81000000L,
                                        CallchainContext.USER_DEFERRED,
                                        0x100000002L
                                    },
                                    4));
            out.sample(
                    1,
                    new SampleFields()
                            .id(102)
                            .ip(0x400010)
                            .task(1, 1)
                            .time(31)
                            .period(1000)
                            .userRegisters(PerfRegisters.ABI_64, new long[] {0x7ff0, 0x400010})
                            .userStack("sixteen bytes...".getBytes(StandardCharsets.UTF_8), 8));
            if (deferred) {
                out.callchainDeferred(
                        new SampleId(2, 2, 40, 100, -1, 1), 0x100000002L, new long[] {0x400020, 0x400030, 9}, 2);
            }
            out.lost(new SampleId(0, 0, 41, 100, -1, 0), 101, 5);
            out.contextSwitch(new SampleId(1, 1, 42, 100, -1, 0), true, false);
            out.finishedRound();
            out.exit(new SampleId(2, 2, 50, 100, -1, 0), 2, 1, 2, 1, 50);
        }
    }

    /** In perf's words, which are the golden of the other tests; the sizes counted by hand. */
    private static final List<String> WRITTEN = List.of(
            "0 10 0x38 COMM exec: init:1/1",
            "0 11 0x70 MMAP2 1/1: [0x400000(0x2000) @ 0x1000 <00112233445566778899aabbccddeeff00112233>]: r-xp /bin/a",
            "1 12 0x70 MMAP2 1/1: [0x500000(0x1000) @ 0 08:01 77 3]: r-xp /bin/b",
            "0 20 0x40 FORK(2:2):(1:1)",
            """
            1 30 0x60 SAMPLE(IP, 0x1): 2/2: 0xffffffff81000000 period: 1000 addr: 0
            ... FP chain: nr:4
            .....  0: ffffffffffffff80
            .....  1: ffffffff81000000
            .....  2: fffffffffffffd80
            .....  3: 0000000100000002""",
            """
            0 31 0x78 SAMPLE(IP, 0x2): 1/1: 0x400010 period: 1000 addr: 0
            ... FP chain: nr:0
            ... user regs: mask 0x180 ABI 64-bit
            .... SP    0x0000000000007ff0
            .... IP    0x0000000000400010
            ... ustack: size 8, offset 0x58""",
            """
            1 40 0x48 CALLCHAIN_DEFERRED(IP, 0x2): 2/2: 0x100000002
            ... FP chain: nr:2
            .....  0: 0000000000400020
            .....  1: 0000000000400030""",
            "0 41 0x38 LOST: id:101: lost:5",
            "0 42 0x28 SWITCH OUT        ",
            "0x8 FINISHED_ROUND",
            "0 50 0x40 EXIT(2:2):(1:1)");

    @Test
    void writesRecordsOfItsOwn() throws Exception {
        Path path = dir.resolve("own.data");
        write(path, true);
        try (PerfFile file = PerfFile.open(path)) {
            assertEquals(WRITTEN, new ArrayList<>(PerfReport.render(file).values()));
            assertTrue(file.anomalies().isEmpty());
            assertEquals("simulated", file.features().hostName());
            assertEquals(List.of("backstitch", "simulate"), file.features().commandLine());
            assertEquals("/bin/a", file.features().buildIds().getFirst().fileName());
            assertEquals("with-stacks", file.events().get(1).name());
        }
        byte[] content = Files.readAllBytes(path);
        // Header, ids, attributes, in this order and without gaps (struct perf_file_header, struct perf_file_attr).
        assertArrayEquals(RawRecording.bytes("PERFILE2", 104L, 144L, 128L, 288L, 416L), Arrays.copyOf(content, 48));
        assertArrayEquals(RawRecording.bytes(100L, 101L, 102L), Arrays.copyOfRange(content, 104, 128));
        assertArrayEquals(RawRecording.bytes(104L, 16L), Arrays.copyOfRange(content, 256, 272));
        assertArrayEquals(RawRecording.bytes(120L, 8L), Arrays.copyOfRange(content, 400, 416));
        // BUILD_ID, HOSTNAME, OSRELEASE, ARCH, CMDLINE, EVENT_DESC.
        assertArrayEquals(RawRecording.bytes(0x185cL), Arrays.copyOfRange(content, 72, 80));
    }

    @Test
    void perfReadsRecordsOfItsOwn() throws Exception {
        Path path = dir.resolve("own.data");
        write(path, false); // A perf of before 6.19 gives up at a CALLCHAIN_DEFERRED.
        List<String> report = perf(dir, "report", "-D", "--stdio", "-i", path.toString());
        assertEquals(
                WRITTEN.stream()
                        .filter(text -> !text.contains("CALLCHAIN_DEFERRED"))
                        .toList(),
                new ArrayList<>(PerfReport.parse(report).values()));
        assertEquals(List.of("cpu-clock", "with-stacks"), perf(dir, "evlist", "-i", path.toString()));
        assertEquals(
                List.of("00112233445566778899aabbccddeeff00112233 /bin/a"),
                perf(dir, "buildid-list", "-i", path.toString()));
    }

    /** Until it is closed, a file is that of a recording that was killed. */
    @Test
    void anUnfinishedFileCanBeRead() throws Exception {
        Path path = dir.resolve("unfinished.data");
        try (PerfWriter out = PerfWriter.create(path, simulated())) {
            for (int i = 0; i < 100_000; i++) {
                out.comm(new SampleId(1, 1, i, 100, -1, 0), 1, 1, "init", false);
            }
            try (PerfFile file = PerfFile.open(path)) {
                assertEquals(1, file.anomalies().count(Anomalies.Kind.NOT_FINISHED));
                RecordCursor record = file.records();
                int count = 0;
                while (record.next()) {
                    count++;
                }
                assertTrue(count > 50_000, () -> "it keeps too much back");
            }
        }
        try (PerfFile file = PerfFile.open(path)) {
            assertTrue(file.anomalies().isEmpty());
            assertEquals(100_000L * 0x38, file.recordsEnd() - file.recordsStart());
        }
    }

    @Test
    void cutsACallchainThatDoesNotFit() throws Exception {
        Path path = dir.resolve("long.data");
        try (PerfFile in = PerfFile.open(RecordingFixtures.file("tracepoint", dir))) {
            try (PerfWriter out = PerfWriter.create(path, in.events())) {
                SampleCursor sample = in.samples();
                RecordCursor record = in.records();
                while (record.next() && !record.isSample()) {
                    out.copy(in, record);
                }
                assertTrue(sample.moveTo(record.offset()));
                long[] chain = new long[20_000];
                Arrays.setAll(chain, i -> i);
                // Of 65528 bytes: 8 of header, 5 fixed fields, the chain's length, 4 + 60 of raw data.
                int written = out.sample(in, sample, chain, chain.length);
                assertEquals((65528 - 8 - 8 * 5 - 8 - 4 - sample.rawSize()) / 8, written);
            }
        }
        try (PerfFile file = PerfFile.open(path)) {
            SampleCursor sample = file.samples();
            RecordCursor record = file.records();
            while (record.next()) {
                if (record.isSample()) {
                    assertTrue(sample.moveTo(record.offset()));
                    assertEquals(65528, sample.size());
                    assertEquals(7, sample.callchain(7));
                }
            }
            assertTrue(file.anomalies().isEmpty());
        }
    }

    @Test
    void refusesWhatWouldNotBeReadable() throws Exception {
        Path path = dir.resolve("refused.data");
        assertThrows(
                IllegalArgumentException.class,
                () -> PerfWriter.create(path, List.of()).close());
        try (PerfWriter out = PerfWriter.create(path, simulated())) {
            SampleId id = new SampleId(1, 1, 1, 100, -1, 0);
            assertThrows(IllegalArgumentException.class, () -> out.comm(id, 1, 1, "x".repeat(70_000), false));
            assertThrows(IllegalArgumentException.class, () -> out.callchainDeferred(id, 1, new long[9000], 9000));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> out.comm(new SampleId(1, 1, 1, 999, -1, 0), 1, 1, "x", false));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> out.sample(1, new SampleFields().userRegisters(PerfRegisters.ABI_64, new long[] {1, 2, 3})));
            assertThrows(IllegalArgumentException.class, () -> out.feature(0, new byte[0]));
            out.comm(id, 1, 1, "good", false);
        }
        try (PerfFile file = PerfFile.open(path)) {
            // Nothing of the refused ones is left behind.
            assertEquals(
                    List.of("0 1 0x38 COMM: good:1/1"),
                    new ArrayList<>(PerfReport.render(file).values()));
        }
    }
}
