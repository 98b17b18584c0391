package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Path;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.SampleCursor;
import org.backstitch.recording.Recording;
import org.backstitch.recording.RecordingOptions;
import org.backstitch.recording.ResolvedSample;

/** perf.data in file mode and in pipe mode: every record, every field of every sample, and the callchains of the recording. */
class PerfFuzz {
    private static final Scratch SCRATCH = new Scratch();

    @FuzzTest
    void perf(byte[] data) throws IOException {
        run(data);
    }

    static void run(byte[] data) throws IOException {
        Path path = SCRATCH.file(data);
        int records;
        try (PerfFile file = PerfFile.open(path)) {
            records = readAll(file);
            assertEquals(records, readAll(file));
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            return;
        }
        RecordingOptions options = RecordingOptions.defaults()
                .withSymfs(SCRATCH.empty())
                .withThreads(1)
                .withMaxStack(200);
        try (Recording recording = Recording.open(path, options)) {
            long[] samples = {0};
            recording.forEach(sample -> {
                samples[0]++;
                check(sample);
            });
            assertTrue(samples[0] <= records, "more samples than records");
            assertEquals(samples[0], recording.summary().samples());
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
        }
    }

    private static void check(ResolvedSample sample) {
        assertTrue(sample.size() <= 201, "longer than was wanted");
        assertNotNull(sample.userStop());
        assertNotNull(sample.comm());
        assertNotNull(sample.eventName());
        for (int i = 0; i < sample.size(); i++) {
            assertNotNull(sample.frame(i).dso());
            assertNotNull(sample.origin(i));
        }
    }

    private static int readAll(PerfFile file) {
        SampleCursor sample = file.samples();
        Anomalies anomalies = new Anomalies();
        RecordCursor record = file.records(anomalies);
        long before = file.recordsStart() - 1;
        int count = 0;
        while (record.next()) {
            assertTrue(record.offset() > before, "no progress");
            assertTrue(record.nextOffset() <= file.recordsEnd());
            before = record.offset();
            count++;
            record.time();
            record.pid();
            if (record.isSample()) {
                readSample(sample, before, anomalies);
            } else {
                try {
                    assertNotNull(file.record(before));
                } catch (MalformedInputException e) {
                    assertTrue(e.reason().length() > 5);
                }
            }
        }
        return count;
    }

    private static void readSample(SampleCursor sample, long offset, Anomalies anomalies) {
        if (!sample.moveTo(offset)) {
            sample.countFault(anomalies);
            return;
        }
        long end = offset + sample.size();
        for (int i = 0; i < sample.callchainLength(); i++) {
            sample.callchain(i);
        }
        for (int i = 0; i < sample.readCount(); i++) {
            sample.readValue(i);
            sample.readLost(i);
        }
        for (int i = 0; i < 64; i++) {
            if (sample.hasUserRegister(i)) {
                sample.userRegister(i);
            }
        }
        assertTrue(sample.stackSize() <= sample.stackDumpSize());
        assertTrue(sample.stackDumpSize() == 0 || sample.stackOffset() + sample.stackDumpSize() <= end);
        assertTrue(sample.rawSize() == 0 || sample.rawOffset() + sample.rawSize() <= end);
    }
}
