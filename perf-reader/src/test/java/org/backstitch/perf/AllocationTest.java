package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Walking over records and reading samples allocates nothing. */
class AllocationTest {
    @Test
    void allocatesNothing(@TempDir Path dir) throws Exception {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        assertNotNull(threads);
        try (PerfFile file = PerfFile.open(RecordingFixtures.file("dwarf3", dir))) {
            RecordCursor record = file.records();
            SampleCursor sample = file.samples();
            // Until the compiler has seen everything, accesses to memory go through objects.
            long expected = walk(file, record, sample);
            for (int i = 0; i < 20_000; i++) {
                assertEquals(expected, walk(file, record, sample));
            }
            long before = threads.getCurrentThreadAllocatedBytes();
            int rounds = 1000;
            long sum = 0;
            for (int i = 0; i < rounds; i++) {
                sum += walk(file, record, sample);
            }
            long perWalk = (threads.getCurrentThreadAllocatedBytes() - before) / rounds;
            assertEquals(rounds * expected, sum);
            assertEquals(0, perWalk);
        }
    }

    private static long walk(PerfFile file, RecordCursor record, SampleCursor sample) {
        long sum = 0;
        record.moveBefore(file.recordsStart());
        while (record.next()) {
            sum += record.time() + record.tid() + record.eventIndex();
            if (record.isSample() && sample.moveTo(record.offset())) {
                sum += sample.ip() + sample.time() + sample.period() + sample.stackSize();
                for (int i = 0; i < sample.callchainLength(); i++) {
                    sum += sample.callchain(i);
                }
                if (sample.hasUserRegister(PerfRegisters.SP)) {
                    sum += sample.userRegister(PerfRegisters.SP);
                }
            }
        }
        return sum;
    }
}
