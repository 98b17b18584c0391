package org.backstitch.recording;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.backstitch.fixtures.BundledRecording;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.CallchainContext;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfEventAttr;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfRecord;
import org.backstitch.perf.PerfRegisters;
import org.backstitch.perf.PerfWriter;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.RecordType;
import org.backstitch.perf.SampleCursor;
import org.backstitch.perf.SampleFields;
import org.backstitch.perf.SampleId;
import org.backstitch.perf.SampleType;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Recordings written again, read again: the same samples with the same frames, by this library and by perf. */
class CallchainInjectorTest {
    private static final long STACK_FIELDS = SampleType.REGS_USER | SampleType.STACK_USER;

    @TempDir
    private Path directory;

    private Path inject(Path from, RecordingOptions options, InjectionForm form) throws IOException {
        Path to = directory.resolve(form + ".data");
        try (Recording recording = Recording.open(from, options)) {
            CallchainInjector injector = new CallchainInjector(recording, form);
            try (PerfWriter out = PerfWriter.create(to, injector.events())) {
                out.features(recording.file().features());
                injector.inject(out, _ -> {});
            }
        }
        return to;
    }

    /** Everything about each sample that a recording by frame pointers can say, a line each. */
    private static List<String> samples(Recording recording) throws IOException {
        List<String> lines = new ArrayList<>();
        recording.forEach(sample -> {
            StringBuilder line = new StringBuilder();
            line.append(sample.comm()).append(' ').append(sample.tid()).append(' ');
            line.append(sample.time()).append(' ').append(sample.cpu()).append(' ');
            line.append(sample.eventName()).append(' ').append(sample.period());
            for (int i = 0; i < sample.size(); i++) {
                line.append(' ').append(Long.toHexString(sample.ip(i)));
                line.append(sample.isExact(i) ? "!" : "").append(sample.frame(i));
            }
            lines.add(line.toString());
        });
        return lines;
    }

    private static List<String> samples(Path path, RecordingOptions options) throws IOException {
        try (Recording recording = Recording.open(path, options)) {
            return samples(recording);
        }
    }

    private static RecordingOptions options(BundledRecording bundled) {
        return RecordingOptions.defaults()
                .withSymfs(bundled.symfs())
                .withVdso(bundled.vdso())
                .withKallsyms(bundled.kallsyms().orElse(null));
    }

    /** Signal frames are among them: an interrupted pc must stay one, not become a return address. */
    @ParameterizedTest
    @ValueSource(strings = {"signals", "deep", "ls"})
    void theChainsAreThoseOfTheOriginal(String name) throws IOException {
        BundledRecording bundled = BundledRecording.unpack(name, directory);
        RecordingOptions options = options(bundled);
        List<String> original = samples(bundled.data(), options);
        assertTrue(original.size() > 700);
        for (InjectionForm form : InjectionForm.values()) {
            Path injected = inject(bundled.data(), options, form);
            assertEquals(original, samples(injected, options));
            assertTrue(Files.size(injected) < Files.size(bundled.data()) / 10);
            try (PerfFile file = PerfFile.open(injected);
                    PerfFile before = PerfFile.open(bundled.data())) {
                assertTrue(file.anomalies().isEmpty(), () -> file.anomalies().toString());
                assertEquals(before.features().buildIds(), file.features().buildIds());
                assertEquals(before.features().commandLine(), file.features().commandLine());
                for (PerfEvent event : file.events()) {
                    assertEquals(0, event.attr().sampleType() & STACK_FIELDS);
                    assertTrue((event.attr().sampleType() & SampleType.CALLCHAIN) != 0);
                }
            }
        }
    }

    /** A mapping that says of itself what cannot be is counted and copied, and the samples come out as they would without it. */
    @ParameterizedTest
    @EnumSource(InjectionForm.class)
    void aDamagedMappingIsCopied(InjectionForm form) throws IOException {
        BundledRecording bundled = BundledRecording.unpack("ls", directory);
        byte[] bytes = Files.readAllBytes(bundled.data());
        try (PerfFile file = PerfFile.open(bundled.data())) {
            RecordCursor records = file.records();
            boolean sampled = false;
            do {
                assertTrue(records.next());
                sampled |= records.isSample();
            } while (!sampled || records.type() != RecordType.MMAP2);
            ByteBuffer damaged = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            int at = (int) records.offset();
            damaged.putShort(at + 4, (short) (records.misc() | RecordMisc.MMAP_BUILD_ID));
            damaged.put(at + 40, (byte) 99); // bytes of a build id
        }
        Path data = Files.write(directory.resolve("damaged.data"), bytes);
        RecordingOptions options = options(bundled);
        List<String> original;
        try (Recording recording = Recording.open(data, options)) {
            original = samples(recording);
            assertEquals(1, recording.anomalies().count(Anomalies.Kind.BAD_RECORD));
        }
        Path injected = inject(data, options, form);
        try (Recording recording = Recording.open(injected, options)) {
            assertEquals(original, samples(recording));
            assertEquals(1, recording.anomalies().count(Anomalies.Kind.BAD_RECORD));
        }
    }

    @Test
    void threadsDoNotChangeTheFile() throws IOException {
        BundledRecording bundled = BundledRecording.unpack("ls", directory);
        for (InjectionForm form : InjectionForm.values()) {
            byte[] one =
                    Files.readAllBytes(inject(bundled.data(), options(bundled).withThreads(1), form));
            byte[] three =
                    Files.readAllBytes(inject(bundled.data(), options(bundled).withThreads(3), form));
            assertTrue(java.util.Arrays.equals(one, three));
        }
    }

    /** perf 6.1 and later print the words of a recorded callchain without changing them. */
    @Test
    void perfReadsTheSameFrames() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/perf")), "perf is not installed");
        BundledRecording bundled = BundledRecording.unpack("deep", directory);
        Path injected = inject(bundled.data(), options(bundled), InjectionForm.MERGED);
        Path text = directory.resolve("report.txt");
        Process perf = new ProcessBuilder("perf", "report", "-D", "--stdio", "-i", injected.toString())
                .redirectOutput(text.toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertEquals(0, perf.waitFor());
        List<String> theirs = new ArrayList<>();
        Pattern word = Pattern.compile("\\.+ +\\d+: ([0-9a-f]{16})");
        for (String line : new String(Files.readAllBytes(text), StandardCharsets.ISO_8859_1)
                .lines()
                .toList()) {
            var matcher = word.matcher(line);
            if (matcher.matches()) {
                theirs.add(matcher.group(1).replaceFirst("^0+", ""));
            }
        }
        List<String> ours = new ArrayList<>();
        try (Recording recording = Recording.open(injected, options(bundled))) {
            recording.forEach(sample -> {
                for (int i = 0; i < sample.size(); i++) {
                    if (sample.isExact(i)) {
                        ours.add(Long.toHexString(sample.context(i)));
                    }
                    ours.add(Long.toHexString(sample.ip(i)));
                }
            });
        }
        assertTrue(ours.size() > 10_000);
        assertEquals(ours, theirs);
    }

    /** Callchains that came late, of Linux 7.2: in files, pipes, several events, compressed, without times. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "linux72-dataaddr",
                "linux72-multi",
                "linux72-perthread",
                "linux72-pipe",
                "linux72-regs",
                "linux72-sysw",
                "linux72-zstd"
            })
    void lateCallchainsAreMergedOrStayLate(String name) throws IOException {
        Path original = Files.write(directory.resolve(name), Fixtures.bytes("perf/" + name + ".data.xz"));
        RecordingOptions options = RecordingOptions.defaults().withSymfs(directory);
        List<String> expected = samples(original, options);
        for (InjectionForm form : InjectionForm.values()) {
            Path injected = inject(original, options, form);
            assertEquals(expected, samples(injected, options), form.toString());
            try (PerfFile file = PerfFile.open(injected)) {
                long late = count(file, RecordType.CALLCHAIN_DEFERRED);
                assertEquals(form == InjectionForm.DEFERRED, late > 0);
            }
        }
        assertEquals(
                deferrals(original, options), deferrals(inject(original, options, InjectionForm.DEFERRED), options));
    }

    private static List<Deferral> deferrals(Path path, RecordingOptions options) throws IOException {
        List<Deferral> deferrals = new ArrayList<>();
        try (Recording recording = Recording.open(path, options)) {
            recording.forEach(sample -> deferrals.add(sample.deferral()));
        }
        return deferrals;
    }

    private static long count(PerfFile file, int type) {
        long count = 0;
        for (RecordCursor record = file.records(); record.next(); ) {
            count += record.type() == type ? 1 : 0;
        }
        return count;
    }

    @ParameterizedTest
    @EnumSource
    void aPipeCarriesTheSame(InjectionForm form) throws IOException {
        Path original = Files.write(directory.resolve("multi"), Fixtures.bytes("perf/linux72-multi.data.xz"));
        RecordingOptions options = RecordingOptions.defaults().withSymfs(directory);
        ByteArrayOutputStream pipe = new ByteArrayOutputStream();
        try (Recording recording = Recording.open(original, options)) {
            CallchainInjector injector = new CallchainInjector(recording, form);
            try (PerfWriter out = PerfWriter.toPipe(pipe, injector.events())) {
                out.features(recording.file().features());
                injector.inject(out, _ -> {});
            }
        }
        PerfFile file = PerfFile.open(new ByteArrayInputStream(pipe.toByteArray()), "pipe");
        assertTrue(file.isPipeMode());
        try (Recording recording = Recording.of(file, options);
                PerfFile before = PerfFile.open(original)) {
            assertEquals(before.features().buildIds(), file.features().buildIds());
            assertEquals(before.features().hostName(), file.features().hostName());
            assertEquals(samples(original, options), samples(recording));
            assertTrue(recording.anomalies().isEmpty());
        }
    }

    private static final long TYPE = SampleType.IDENTIFIER
            | SampleType.IP
            | SampleType.TID
            | SampleType.TIME
            | SampleType.CPU
            | SampleType.CALLCHAIN
            | STACK_FIELDS;

    private static final long REGISTERS = 1L << PerfRegisters.SP | 1L << PerfRegisters.IP;

    private static List<PerfEvent> events() {
        PerfEventAttr attr = PerfEventAttr.of(PerfEventAttr.TYPE_SOFTWARE, 0)
                .withSampleType(TYPE)
                .withFlags(PerfEventAttr.FLAG_SAMPLE_ID_ALL | PerfEventAttr.FLAG_EXCLUDE_CALLCHAIN_USER)
                .withSampleRegsUser(REGISTERS)
                .withSampleStackUser(16);
        return List.of(
                new PerfEvent(0, "first", attr, new long[] {10}), new PerfEvent(1, "second", attr, new long[] {20}));
    }

    private static SampleFields sample(int event, long time, int tid, boolean kernel, long pc, long stack) {
        byte[] dump = new byte[16];
        dump[0] = (byte) stack;
        return new SampleFields()
                .misc(kernel ? RecordMisc.CPU_MODE_KERNEL : RecordMisc.CPU_MODE_USER)
                .id(10 + 10L * event)
                .ip(kernel ? 0xffffffff81000000L + time : pc)
                .task(1, tid)
                .time(time)
                .cpu(1)
                .callchain(
                        kernel ? new long[] {CallchainContext.KERNEL, 0xffffffff81000000L + time} : new long[0],
                        kernel ? 2 : 0)
                .userRegisters(PerfRegisters.ABI_64, new long[] {0x7000, pc})
                .userStack(dump, 16);
    }

    private static SampleId id(long time) {
        return new SampleId(1, 1, time, 10, -1, 0);
    }

    /** Samples and late records in the order of the file: {@code time@tid cookie}. */
    private static List<String> order(PerfFile file) {
        List<String> order = new ArrayList<>();
        SampleCursor sample = file.samples();
        for (RecordCursor record = file.records(); record.next(); ) {
            if (record.isSample()) {
                assertTrue(sample.moveTo(record.offset()));
                int last = sample.callchainLength() - 1;
                boolean asks = last > 0 && sample.callchain(last - 1) == CallchainContext.USER_DEFERRED;
                order.add("%d@%d %s"
                        .formatted(sample.time(), sample.tid(), asks ? Long.toHexString(sample.callchain(last)) : "-"));
            } else if (file.record(record.offset()) instanceof PerfRecord.CallchainDeferred late) {
                order.add("late %d@%d %x"
                        .formatted(late.sampleId().time(), late.sampleId().tid(), late.cookie()));
                assertEquals(
                        List.of(0x400000L + late.sampleId().tid()),
                        java.util.Arrays.stream(late.addresses()).boxed().toList());
            } else if (record.type() != RecordType.FINISHED_ROUND) {
                order.add(RecordType.name(record.type()));
            }
        }
        return order;
    }

    /**
     * What belongs to one entry, and what ends it. Frames are found without tables here: the first, and nothing proves a second.
     */
    @Test
    void oneLateRecordForEachEntryBehindTheLastOfItsSamples() throws IOException {
        Path path = directory.resolve("entries.data");
        try (PerfWriter out = PerfWriter.create(path, events())) {
            out.sample(0, sample(0, 100, 1, true, 0x400001, 1));
            out.sample(0, sample(0, 101, 2, true, 0x400002, 1));
            out.sample(1, sample(1, 102, 1, true, 0x400001, 1)); // Another event, the same entry.
            out.sample(0, sample(0, 103, 1, true, 0x400001, 2)); // Another stack.
            out.sample(0, sample(0, 104, 1, false, 0x400001, 2)); // User mode: it has been left.
            out.sample(0, sample(0, 105, 1, true, 0x400001, 2)); // Interrupted there.
            out.mmap2(
                    RecordMisc.CPU_MODE_USER,
                    id(106),
                    1,
                    1,
                    0x500000,
                    0x1000,
                    0,
                    new PerfRecord.MappedFile.Inode(0, 0, 0, 0),
                    5,
                    2,
                    "//anon");
            out.sample(0, sample(0, 107, 1, true, 0x400001, 2)); // Something else is mapped.
            out.exit(id(108), 1, 1, 1, 1, 108);
            out.sample(0, sample(0, 109, -1, true, 0x400001, 2)); // Of a task that is gone: nobody can ask for it.
        }
        Path injected = inject(path, RecordingOptions.defaults().withSymfs(directory), InjectionForm.DEFERRED);
        try (PerfFile file = PerfFile.open(injected)) {
            assertEquals(
                    List.of(
                            "100@1 100000002",
                            "101@2 300000002",
                            "102@1 100000002",
                            "late 103@1 100000002",
                            "103@1 500000002",
                            "late 104@1 500000002",
                            "104@1 700000002",
                            "105@1 700000002",
                            "late 106@1 700000002",
                            "late 106@2 300000002",
                            "MMAP2",
                            "107@1 900000002",
                            "late 108@1 900000002",
                            "EXIT",
                            "109@-1 -"),
                    order(file));
            long flags = file.events().get(0).attr().flags();
            assertEquals(
                    PerfEventAttr.FLAG_DEFER_CALLCHAIN | PerfEventAttr.FLAG_DEFER_OUTPUT,
                    flags & ~PerfEventAttr.FLAG_SAMPLE_ID_ALL);
            assertEquals(
                    PerfEventAttr.FLAG_DEFER_CALLCHAIN,
                    file.events().get(1).attr().flags() & ~PerfEventAttr.FLAG_SAMPLE_ID_ALL);
        }
        try (Recording recording =
                        Recording.open(path, RecordingOptions.defaults().withSymfs(directory));
                PerfWriter out = PerfWriter.create(
                        directory.resolve("merged.data"),
                        new CallchainInjector(recording, InjectionForm.MERGED).events())) {
            InjectionSummary summary = new CallchainInjector(recording, InjectionForm.MERGED).inject(out, _ -> {});
            assertEquals(8, summary.stacks());
            assertEquals(2, summary.avoided());
            assertEquals(0, summary.lateRecords());
            assertEquals(8, recording.summary().samples());
        }
    }

    /** Kernel and user frames are bounded together, though the user part is unwound once for samples with different kernel parts. */
    @Test
    void theBoundHoldsForEachSample() throws IOException {
        BundledRecording bundled = BundledRecording.unpack("ls", directory);
        RecordingOptions few = options(bundled).withMaxStack(9);
        List<String> original = samples(bundled.data(), few);
        Path merged = inject(bundled.data(), few, InjectionForm.MERGED);
        assertEquals(original, samples(merged, options(bundled)));
        Path deferred = inject(bundled.data(), few, InjectionForm.DEFERRED);
        assertEquals(original, samples(deferred, few));
        try (Recording recording = Recording.open(bundled.data(), few)) {
            recording.forEach(sample -> {});
            long cut = recording.summary().userStops().getOrDefault(StopReason.MAX_STACK, 0L);
            try (Recording again = Recording.open(bundled.data(), few);
                    PerfWriter out = PerfWriter.create(
                            directory.resolve("again.data"),
                            new CallchainInjector(again, InjectionForm.MERGED).events())) {
                new CallchainInjector(again, InjectionForm.MERGED).inject(out, _ -> {});
                assertTrue(cut > 100);
                assertEquals(cut, again.summary().userStops().get(StopReason.MAX_STACK));
                assertEquals(recording.summary().frames(), again.summary().frames());
            }
        }
    }
}
