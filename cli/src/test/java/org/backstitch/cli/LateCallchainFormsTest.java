package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.backstitch.perf.CallchainContext;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfEventAttr;
import org.backstitch.perf.PerfWriter;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.RecordType;
import org.backstitch.perf.SampleFields;
import org.backstitch.perf.SampleId;
import org.backstitch.perf.SampleType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The ways in which late callchains and the samples that ask for them can stand in a recording of Linux 6.19 and later, each in one of
 * its own, read by the command as a file and through a pipe. What comes out is written down here by the rules of the format.
 */
class LateCallchainFormsTest {
    private static final int TASK = 7;
    private static final long KERNEL = 0xffff_ffff_8100_0000L;

    @TempDir
    private Path directory = Path.of("");

    private final List<PerfEvent> events = new ArrayList<>();
    private final List<Entry> entries = new ArrayList<>();
    private final List<String> expected = new ArrayList<>();
    private String summary = "";
    private boolean compressed;

    /** Something in a recording: a sample that asks, a late callchain, or the end of a round. */
    private record Entry(Kind kind, int event, int cpu, long time, long cookie, long user) {
        enum Kind {
            SAMPLE,
            LATE,
            ROUND
        }
    }

    private void event(String name) {
        PerfEventAttr attr = PerfEventAttr.of(PerfEventAttr.TYPE_HARDWARE, events.size())
                .withSampleType(SampleType.IDENTIFIER
                        | SampleType.IP
                        | SampleType.TID
                        | SampleType.TIME
                        | SampleType.CPU
                        | SampleType.CALLCHAIN)
                .withSamplePeriod(1)
                .withFlags(PerfEventAttr.FLAG_SAMPLE_ID_ALL
                        | PerfEventAttr.FLAG_DEFER_CALLCHAIN
                        | PerfEventAttr.FLAG_DEFER_OUTPUT);
        events.add(new PerfEvent(events.size(), name, attr, new long[] {100 + events.size()}));
    }

    /** The cookie of a CPU's entry, as {@code kernel/unwind/deferred.c} makes it: an odd count above, the CPU and one below. */
    private static long cookie(long count, int cpu) {
        return count << 32 | (cpu + 1L);
    }

    private void sample(int event, int cpu, long time, long cookie) {
        entries.add(new Entry(Entry.Kind.SAMPLE, event, cpu, time, cookie, 0));
    }

    private void late(int event, int cpu, long time, long cookie, long user) {
        entries.add(new Entry(Entry.Kind.LATE, event, cpu, time, cookie, user));
    }

    private void round() {
        entries.add(new Entry(Entry.Kind.ROUND, 0, 0, 0, 0, 0));
    }

    /** A sample of the output: its time, the user frame that it got, and what became of its request. */
    private void expect(long time, long user, String deferred) {
        expected.add(time + " " + (user == 0 ? "-" : Long.toHexString(user)) + " " + deferred);
    }

    private void write(PerfWriter writer) throws IOException {
        for (Entry entry : entries) {
            long id = 100L + entry.event;
            switch (entry.kind) {
                case SAMPLE -> {
                    long[] chain = {CallchainContext.KERNEL, KERNEL, CallchainContext.USER_DEFERRED, entry.cookie};
                    writer.sample(
                            entry.event,
                            new SampleFields()
                                    .misc(RecordMisc.CPU_MODE_KERNEL)
                                    .id(id)
                                    .ip(KERNEL)
                                    .task(TASK, TASK)
                                    .time(entry.time)
                                    .cpu(entry.cpu)
                                    .callchain(chain, chain.length));
                }
                case LATE ->
                    writer.callchainDeferred(
                            new SampleId(TASK, TASK, entry.time, id, id, entry.cpu),
                            entry.cookie,
                            new long[] {entry.user},
                            1);
                case ROUND -> writer.finishedRound();
            }
        }
    }

    /** Packs the records of the kernel of a recording in pipe mode, a hundred bytes a piece, as one zstd stream. */
    private static byte[] compress(byte[] pipe) {
        ByteBuffer in = ByteBuffer.wrap(pipe).order(ByteOrder.LITTLE_ENDIAN);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream kernels = new ByteArrayOutputStream();
        out.write(pipe, 0, 16);
        for (int at = 16, size; at < pipe.length; at += size) {
            size = in.getShort(at + 6) & 0xffff;
            (in.getInt(at) < RecordType.USER_TYPE_START || in.getInt(at) == RecordType.FINISHED_ROUND ? kernels : out)
                    .write(pipe, at, size);
        }
        byte[] packed = Zstd.compress(kernels.toByteArray());
        for (int at = 0; at < packed.length; at += 100) {
            int size = Math.min(100, packed.length - at);
            ByteBuffer header = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            header.putInt(RecordType.COMPRESSED).putShort((short) 0).putShort((short) (8 + size));
            out.write(header.array(), 0, 8);
            out.write(packed, at, size);
        }
        return out.toByteArray();
    }

    private static final Pattern SAMPLE =
            Pattern.compile("\"time_ns\":(\\d+),.*\"frames\":\\[(.*)],\"user_stop\":.*\"deferred\":\"([^\"]*)\"");
    private static final Pattern USER = Pattern.compile("\\{\"ip\":\"([0-9a-f]+)\",\"kind\":\"user\"");

    private static List<String> read(String json) {
        List<String> samples = new ArrayList<>();
        for (String line : json.lines().toList()) {
            Matcher sample = SAMPLE.matcher(line);
            assertTrue(sample.find(), line);
            Matcher user = USER.matcher(sample.group(2));
            samples.add(String.format(
                    Locale.ROOT, "%s %s %s", sample.group(1), user.find() ? user.group(1) : "-", sample.group(3)));
        }
        return samples;
    }

    /** As a file and through a pipe. */
    private void check() throws IOException {
        ByteArrayOutputStream pipe = new ByteArrayOutputStream();
        try (PerfWriter writer = PerfWriter.toPipe(pipe, events)) {
            write(writer);
        }
        byte[] content = compressed ? compress(pipe.toByteArray()) : pipe.toByteArray();
        Path file = directory.resolve("made.data");
        if (compressed) {
            Files.write(file, content);
        } else {
            try (PerfWriter writer = PerfWriter.create(file, events)) {
                write(writer);
            }
        }
        String[] options = {"--format=json", "--symfs=" + directory};
        Pipes.Said ofFile = Pipes.script(file, options);
        Pipes.Said ofPipe = Pipes.script(new ByteArrayInputStream(content), new ByteArrayOutputStream(), options);
        assertEquals(expected, read(ofFile.out()));
        assertEquals(expected, read(ofPipe.out()));
        assertTrue(ofFile.err().contains("deferred callchains: " + summary + "\n"), ofFile.err());
        assertTrue(ofPipe.err().contains("deferred callchains: " + summary + "\n"), ofPipe.err());
    }

    /** The count has 32 bits and steps by two: after 2^31 entries of a CPU a cookie returns. */
    @Test
    void aCookieReturnsAfterAWrap() throws IOException {
        event("cycles");
        long first = cookie(1, 0);
        for (long lap = 0; lap < 2; lap++) {
            long start = 1000 * (1 + lap);
            for (long entry = 0; entry < 3; entry++) {
                long cookie = cookie(2 * entry + 1, 0);
                long user = 0x1000 + 0x100 * lap + entry;
                sample(0, 0, start + 10 * entry, cookie);
                late(0, 0, start + 10 * entry + 5, cookie, user);
                expect(start + 10 * entry, user, "stitched");
            }
        }
        // Between the record and the return to user mode of the last lap's first entry there is nothing more; a sample
        // behind the
        // last record of that name gets the later one.
        sample(0, 0, 2100, cookie(0xffff_ffffL, 0));
        late(0, 0, 2105, cookie(0xffff_ffffL, 0), 0x2000);
        sample(0, 0, 2110, first);
        late(0, 0, 2115, first, 0x2001);
        sample(0, 0, 2117, first);
        expect(2100, 0x2000, "stitched");
        expect(2110, 0x2001, "stitched");
        expect(2117, 0x2001, "stitched");
        summary = "9 stitched; 8 deferred records";
        check();
    }

    /** The task sleeps and comes back on another CPU: the record lies in that one's buffer, under the cookie of the first. */
    @Test
    void theTaskMigratesBetweenRequestAndRecord() throws IOException {
        event("cycles");
        sample(0, 0, 1000, cookie(1, 0));
        sample(0, 1, 3000, cookie(1, 0));
        late(0, 1, 3010, cookie(1, 0), 0x1000);
        sample(0, 1, 3020, cookie(1, 1)); // The same count, another CPU's: another entry.
        late(0, 1, 3030, cookie(1, 1), 0x2000);
        expect(1000, 0x1000, "stitched");
        expect(3000, 0x1000, "stitched");
        expect(3020, 0x2000, "stitched");
        summary = "3 stitched; 2 deferred records";
        check();
    }

    /** The tool reads the second CPU's buffer in an earlier round than the rest of the first one's. */
    @Test
    void recordsStandBeforeTheirRequestsInTheFile() throws IOException {
        event("cycles");
        late(0, 1, 3000, cookie(1, 0), 0x1000);
        late(0, 1, 3100, cookie(3, 1), 0x2000);
        round();
        sample(0, 1, 3050, cookie(3, 1));
        sample(0, 0, 1000, cookie(1, 0));
        sample(0, 0, 1010, cookie(1, 0));
        round();
        sample(0, 1, 3110, cookie(3, 1));
        round();
        expect(1000, 0x1000, "stitched");
        expect(1010, 0x1000, "stitched");
        expect(3050, 0x2000, "stitched");
        expect(3110, 0x2000, "stitched");
        summary = "4 stitched; 2 deferred records";
        check();
    }

    /** Two events ask in one entry, and both have {@code defer_output}: one unwind, written twice. */
    @Test
    void severalEventsOfOneEntry() throws IOException {
        event("cycles");
        event("instructions");
        sample(0, 0, 1000, cookie(1, 0));
        sample(1, 0, 1001, cookie(1, 0));
        late(0, 0, 1010, cookie(1, 0), 0x1000);
        late(1, 0, 1011, cookie(1, 0), 0x1000);
        sample(1, 0, 1012, cookie(1, 0));
        sample(1, 0, 1020, cookie(3, 0));
        late(0, 0, 1030, cookie(3, 0), 0x2000);
        late(1, 0, 1031, cookie(3, 0), 0x2000);
        late(0, 0, 1040, cookie(5, 0), 0x3000);
        expect(1000, 0x1000, "stitched");
        expect(1001, 0x1000, "stitched");
        expect(1012, 0x1000, "stitched");
        expect(1020, 0x2000, "stitched");
        summary = "4 stitched; 5 deferred records, 1 unclaimed, 2 duplicate";
        check();
    }

    /** {@code perf record -z}: requests and records in one zstd stream, cut anywhere. */
    @Test
    void compressedRecords() throws IOException {
        event("cycles");
        compressed = true;
        for (int i = 0; i < 500; i++) {
            long cookie = cookie(2L * i + 1, i % 2);
            sample(0, i % 2, 1000 + 10L * i, cookie);
            late(0, i % 2, 1005 + 10L * i, cookie, 0x1000 + i);
            if (i % 50 == 49) {
                round();
            }
            expect(1000 + 10L * i, 0x1000 + i, "stitched");
        }
        summary = "500 stitched; 500 deferred records";
        check();
    }
}
