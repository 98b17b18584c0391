package org.backstitch.cli;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.backstitch.perf.CallchainContext;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfEventAttr;
import org.backstitch.perf.PerfWriter;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.SampleFields;
import org.backstitch.perf.SampleId;
import org.backstitch.perf.SampleType;

/**
 * Writes a recording in pipe mode in which very many tasks fall asleep in the kernel, a sample of each waiting for its late callchain,
 * until all of them return to user mode at the end.
 */
final class PendingRecording {
    private static final int ROUND = 10_000;
    private static final long KERNEL = 0xffff_ffff_8100_0000L;

    private PendingRecording() {}

    /** The event: what {@code perf record --call-graph fp,defer} asks for. */
    private static PerfEvent event() {
        PerfEventAttr attr = PerfEventAttr.of(PerfEventAttr.TYPE_HARDWARE, 0)
                .withSampleType(
                        SampleType.IP | SampleType.TID | SampleType.TIME | SampleType.CPU | SampleType.CALLCHAIN)
                .withSamplePeriod(1)
                .withFlags(PerfEventAttr.FLAG_SAMPLE_ID_ALL
                        | PerfEventAttr.FLAG_DEFER_CALLCHAIN
                        | PerfEventAttr.FLAG_DEFER_OUTPUT);
        return new PerfEvent(0, "cycles", attr, new long[] {1});
    }

    /** The cookie of an entry, as Linux makes it: an odd count above, the number of the CPU below. */
    static long cookie(int task) {
        return (2L * task + 1) << 32 | 1;
    }

    /** The user part of a task's callchain. */
    static long user(int task) {
        return 0x40_0000 + 16L * task;
    }

    /** Each process has a thousand tasks. */
    private static int process(int task) {
        return 1 + task / 1000 * 1000;
    }

    /** Writes one sample of each of {@code tasks} tasks, and then their late callchains. */
    static void write(Path file, int tasks) throws IOException {
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file));
                PerfWriter writer = PerfWriter.toPipe(out, List.of(event()))) {
            for (int task = 0; task < tasks; task++) {
                long[] chain = {CallchainContext.KERNEL, KERNEL, CallchainContext.USER_DEFERRED, cookie(task)};
                writer.sample(
                        0,
                        new SampleFields()
                                .misc(RecordMisc.CPU_MODE_KERNEL)
                                .ip(KERNEL)
                                .task(process(task), 1 + task)
                                .time(1000L + task)
                                .cpu(0)
                                .callchain(chain, chain.length));
                if (task % ROUND == ROUND - 1) {
                    writer.finishedRound();
                }
            }
            for (int task = 0; task < tasks; task++) {
                SampleId id = new SampleId(process(task), 1 + task, 1000L + tasks + task, 1, 1, 0);
                writer.callchainDeferred(id, cookie(task), new long[] {user(task)}, 1);
                if (task % ROUND == ROUND - 1) {
                    writer.finishedRound();
                }
            }
        }
    }

    /** Writes such a recording by hand, for measurements: FILE TASKS. */
    public static void main(String[] arguments) throws IOException {
        write(Path.of(arguments[0]), Integer.parseInt(arguments[1]));
    }
}
