package org.backstitch.perf;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Header, events and features; expected values from {@code perf report --header-only}, {@code perf evlist -v}, {@code perf buildid-list}. */
class PerfFileTest {
    @TempDir
    Path dir;

    private PerfFile open(String name) throws IOException {
        return PerfFile.open(RecordingFixtures.file(name, dir));
    }

    @Test
    void readsTheFeatures() throws Exception {
        try (PerfFile file = open("switch")) {
            PerfFeatures f = file.features();
            assertEquals("fixture", f.hostName());
            assertEquals("6.1.187", f.perfVersion());
            assertEquals("x86_64", f.architecture());
            assertEquals(new PerfFeatures.CpuCount(2, 2), f.cpuCount());
            assertEquals(
                    List.of("/usr/bin/perf", "record", "-o", "switch.data"),
                    f.commandLine().subList(0, 4));
            assertEquals("./forker", f.commandLine().getLast());
            assertNotNull(f.sampleTime());
            RecordCursor record = file.records();
            long first = -1;
            long last = -1;
            while (record.next()) {
                if (record.isSample()) {
                    first = first == -1 ? record.time() : first;
                    last = record.time();
                }
            }
            assertEquals(new PerfFeatures.SampleTime(first, last), f.sampleTime());
            assertEquals("tracepoint", f.pmuNames().get(2));
            assertNull(f.compression());
            assertFalse(file.isCompressed());
            assertFalse(file.isPipeMode());
        }
    }

    @Test
    void readsGroups() throws Exception {
        try (PerfFile file = open("group")) {
            assertEquals(
                    List.of(new PerfFeatures.Group("{anon_group}", 0, 3)),
                    file.features().groups());
            assertEquals(
                    List.of("cpu-clock", "page-faults", "context-switches"),
                    file.events().stream().map(PerfEvent::name).toList());
        }
    }

    @Test
    void readsWhatAPipeSaysInRecords() throws Exception {
        try (PerfFile file = open("linux72-pipe")) {
            assertTrue(file.isPipeMode());
            assertEquals("(none)", file.features().hostName());
            assertEquals("7.2.13+deb14-amd64", file.features().osRelease());
            assertEquals("7.2.13", file.features().perfVersion());
            assertEquals("AuthenticAMD,15,107,1", file.features().cpuId());
            assertEquals(4009696, file.features().totalMemory());
            PerfEvent event = file.events().getFirst();
            assertEquals("cpu-clock", event.name());
            assertEquals(List.of(197L, 198L), Arrays.stream(event.ids()).boxed().toList());
            assertEquals(144, event.attr().size());
            assertEquals(
                    PerfEventAttr.FLAG_DEFER_CALLCHAIN | PerfEventAttr.FLAG_DEFER_OUTPUT,
                    event.attr().flags() & (PerfEventAttr.FLAG_DEFER_CALLCHAIN | PerfEventAttr.FLAG_DEFER_OUTPUT));
            assertTrue(event.attr().isFrequency());
            assertEquals(999, event.attr().samplePeriod());
        }
    }

    @Test
    void findsTheTracingDataOfAPipe() throws Exception {
        try (PerfFile file = open("tppipe")) {
            var tracing = file.features().section(PerfFeatures.TRACING_DATA);
            assertNotNull(tracing);
            // The magic of trace.dat files (trace-cmd.dat(5)).
            assertEquals("\u0017\bDtracing", tracing.paddedString(0, 10));
            assertEquals(
                    List.of("sched:sched_switch", "cpu-clock"),
                    file.events().stream().map(PerfEvent::name).toList());
        }
    }

    @Test
    void readsHowItWasCompressed() throws Exception {
        try (PerfFile file = open("zstd")) {
            PerfFeatures.Compression compression = file.features().compression();
            assertNotNull(compression);
            assertEquals(1, compression.type());
            assertEquals(1, compression.level());
            assertEquals(14, compression.ratio());
            assertTrue(file.isCompressed());
        }
    }

    @Test
    void readsBuildIds() throws Exception {
        try (PerfFile file = open("breakpoint")) {
            // As perf buildid-list prints them.
            int kernel = RecordMisc.CPU_MODE_KERNEL;
            int user = RecordMisc.CPU_MODE_USER;
            assertEquals(
                    List.of(
                            new BuildIdEntry(
                                    "[kernel.kallsyms]", "48dc540c8b76393804ca8088dbfa7d42911a9444", -1, kernel),
                            new BuildIdEntry("/tmp/w/forker", "f52b6b09209d66ea6719a7d603f38a32de69ad0b", -1, user),
                            new BuildIdEntry(
                                    "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
                                    "7ebc65e52f2bbea498b4040fa92f7238377aaba9",
                                    -1,
                                    user),
                            new BuildIdEntry("[vdso]", "e025128345ce65b719dab776555f2b64ee0204a1", -1, user)),
                    file.features().buildIds());
            assertTrue(file.features().buildIds().getFirst().isKernel());
        }
    }

    /** A build id of 8 bytes, in a record of pipe mode; then one of a perf that did not record the size. */
    @Test
    void readsBuildIdsOfAPipe() throws Exception {
        byte[] content = new RawRecording()
                .event(SampleType.IP)
                .add(67, 2 | 1 << 15, -1, 0x8877665544332211L, new byte[12], (byte) 8, new byte[3], "/bin/a\0\0")
                .add(67, 1, -1, 0x8877665544332211L, new byte[16], "[kernel.kallsyms]\0\0\0")
                .buildPipe();
        try (PerfFile file = RawRecording.open(dir, content)) {
            assertTrue(file.anomalies().isEmpty());
            assertEquals(
                    List.of(
                            new BuildIdEntry("/bin/a", "1122334455667788", -1, RecordMisc.CPU_MODE_USER),
                            new BuildIdEntry(
                                    "[kernel.kallsyms]",
                                    "1122334455667788" + "00".repeat(12),
                                    -1,
                                    RecordMisc.CPU_MODE_KERNEL)),
                    file.features().buildIds());
        }
    }

    /** As perf 6.1 names events that nobody named: {@code evsel__name}, checked with {@code perf evlist} on such files. */
    @ParameterizedTest
    @CsvSource({
        "0, 0, 0x100000, cycles",
        "0, 9, 0x100000, ref-cycles",
        "0, 10, 0x100000, unknown-hardware",
        "1, 0, 0x100000, cpu-clock",
        "1, 9, 0x100000, dummy",
        "1, 0, 0, cpu-clock:HG",
        "1, 0, 0x100060, cpu-clock:uH",
        "1, 0, 0x60, cpu-clock:u",
        "1, 0, 0x50, cpu-clock:k",
        "0, 1, 0x10000, instructions:pp",
        "0, 1, 0x110020, instructions:uhppH",
        "3, 0x10002, 0x100000, LLC-load-misses",
        "3, 0x100, 0x100000, L1-dcache-stores",
        "3, 0x101, 0x100000, invalid-cache",
        "3, 7, 0x100000, unknown-ext-hardware-cache-type",
        "4, 0x1c2, 0x100000, raw 0x1c2",
        "2, 310, 0x100000, unknown tracepoint",
        "11, 0, 0x100000, unknown attr type: 11"
    })
    void namesEventsAsPerfDoes(String type, String config, String flags, String name) {
        PerfEventAttr attr =
                PerfEventAttr.of(Integer.decode(type), Long.decode(config)).withFlags(Long.decode(flags));
        assertEquals(name, EventNames.of(attr));
    }

    /** The same name with the recording's own names and without its features; so does perf. */
    @Test
    void namesBreakpoints() throws Exception {
        byte[] content = RecordingFixtures.bytes("breakpoint");
        for (int i = 0; i < 2; i++) {
            try (PerfFile file = RawRecording.open(dir, content)) {
                assertEquals(
                        List.of("mem:0x1000:rw", "cpu-clock"),
                        file.events().stream().map(PerfEvent::name).toList());
            }
            Arrays.fill(content, 72, 104, (byte) 0);
        }
    }

    private static String refusal(byte[] content, Path dir) throws IOException {
        Path file = Files.write(dir.resolve("bad.data"), content);
        String message = String.valueOf(assertThrows(
                        MalformedInputException.class, () -> PerfFile.open(file).close())
                .getMessage());
        assertTrue(message.startsWith(file + ": "), message);
        return message.substring(file.toString().length() + 2);
    }

    @Test
    void refusesWhatItCannotRead() throws Exception {
        assertEquals("not a perf.data file: it has only 0 bytes (at offset 0x0)", refusal(new byte[0], dir));
        assertEquals(
                "not a perf.data file: it does not start with PERFILE2 (at offset 0x0)", refusal(new byte[200], dir));
        assertEquals(
                "a perf.data file of a big-endian machine (at offset 0x0)",
                refusal(Arrays.copyOf("2ELIFREP".getBytes(UTF_8), 104), dir));
        assertEquals(
                "a perf.data file of version 1 (PERFFILE), which perf wrote before Linux 3.2 (at offset 0x0)",
                refusal(Arrays.copyOf("PERFFILE".getBytes(UTF_8), 104), dir));
        byte[] good = new RawRecording().event(SampleType.IP).build();
        assertEquals("the file ends inside of its header (at offset 0x64)", refusal(Arrays.copyOf(good, 100), dir));
        assertEquals(
                "144 bytes of event attributes at 0x68, outside of the file (at offset 0x18)",
                refusal(patched(Arrays.copyOf(good, 200), 40, 104), dir));
        assertEquals("a header of 17 bytes (at offset 0x8)", refusal(patched(good, 8, 17), dir));
        assertEquals("event attributes of 8 bytes each (at offset 0x10)", refusal(patched(good, 16, 8), dir));
        assertEquals(
                "records that start at 0x7000000000000000 (at offset 0x28)", refusal(patched(good, 40, 7L << 60), dir));
        assertEquals("an event attribute of 5000 bytes (at offset 0x6c)", refusal(patched(good, 108, 5000), dir));
        assertEquals("event ids outside of the file (at offset 0xe8)", refusal(patched(good, 240, 1L << 62), dir));
        assertEquals("a recording that describes no events (at offset 0x18)", refusal(new RawRecording().build(), dir));
        assertEquals(
                "a recording that describes no events (at offset 0x10)", refusal(new RawRecording().buildPipe(), dir));
    }

    private static byte[] patched(byte[] content, int at, long value) {
        byte[] copy = content.clone();
        System.arraycopy(RawRecording.bytes(value), 0, copy, at, 8);
        return copy;
    }

    /** Each attribute claims the same large section of ids: without a bound that would be memory for each. */
    @Test
    void refusesIdsThatAreClaimedManyTimes() throws Exception {
        RawRecording recording = new RawRecording();
        for (int i = 0; i < 100; i++) {
            recording.event(SampleType.IP, 1);
        }
        byte[] content = recording.build();
        for (int i = 0; i < 100; i++) {
            System.arraycopy(RawRecording.bytes(0L, (long) content.length), 0, content, 904 + 144 * i + 128, 16);
        }
        assertEquals("more event ids than the file has bytes (at offset 0x498)", refusal(content, dir));
    }

    @Test
    void readsAttributesOfEverySize() throws Exception {
        for (int size = 64; size <= 144; size += 8) {
            byte[] attr = Arrays.copyOf(RawRecording.attr(SampleType.IP, 0, 0, 0, 0), size);
            attr[4] = (byte) size;
            try (PerfFile file = new RawRecording().event(attr, 5).open(dir)) {
                PerfEvent event = file.events().getFirst();
                assertEquals(size, event.attr().size());
                assertEquals(SampleType.IP, event.attr().sampleType());
                assertEquals(5, event.ids()[0]);
            }
        }
    }

    /** A size field that is 0 stands for the first version; the ids lie behind the room that the header gives. */
    @Test
    void readsAttributesWithoutASize() throws Exception {
        byte[] attr = RawRecording.attr(SampleType.IP, 0, 0, 0, 0);
        attr[4] = 0;
        try (PerfFile file = new RawRecording().event(attr, 5).open(dir)) {
            assertEquals(64, file.events().getFirst().attr().size());
            assertEquals(5, file.events().getFirst().ids()[0]);
        }
    }

    @Test
    void namesUnknownSampleFields() throws Exception {
        try (PerfFile file = new RawRecording().event(SampleType.IP | 1L << 40).open(dir)) {
            Anomalies.Entry entry = file.anomalies().entry(Anomalies.Kind.UNKNOWN_SAMPLE_FIELDS);
            assertNotNull(entry);
            assertEquals("event cpu-clock has unknown sample fields 0x10000000000", entry.firstReason());
        }
    }

    @Test
    void takesNamesFromUpdateRecords() throws Exception {
        byte[] content = new RawRecording()
                .event(SampleType.IP, 7)
                .add(RecordType.EVENT_UPDATE, 0, 2L, 7L, "my-event\0\0\0\0\0\0\0\0")
                .build();
        try (PerfFile file = PerfFile.open(new ByteArrayInputStream(content), "stream")) {
            assertEquals("my-event", file.events().getFirst().name());
        }
    }

    @Test
    void leavesNoTemporaryFile() throws Exception {
        try (PerfFile file = open("zstd")) {
            assertTrue(file.isCompressed());
            List<String> mapped = Files.readAllLines(Path.of("/proc/self/maps")).stream()
                    .filter(line -> line.contains("/backstitch"))
                    .toList();
            assertEquals(1, mapped.size());
            assertTrue(mapped.getFirst().endsWith(".perf (deleted)"), mapped.getFirst());
        }
    }
}
