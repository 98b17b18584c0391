package org.backstitch.cli.simulate;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfEventAttr;
import org.backstitch.perf.PerfFeatures;
import org.backstitch.perf.PerfRecord;
import org.backstitch.perf.PerfWriter;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.SampleFields;
import org.backstitch.perf.SampleId;
import org.backstitch.perf.SampleType;
import org.backstitch.unwind.deferred.simulation.EventSpec;
import org.backstitch.unwind.deferred.simulation.MachineConfig;
import org.backstitch.unwind.deferred.simulation.Protocol;
import org.backstitch.unwind.deferred.simulation.SimulatedRecord;
import org.backstitch.unwind.deferred.simulation.SimulatedRecording;
import org.backstitch.unwind.deferred.simulation.SimulatedSystem;

/** Writes a run of the simulated kernel as the perf.data that it would have made, records in the order of its buffers. */
public final class RecordingWriter {
    private static final int KERNEL_PID = -1;
    private static final int PROT_READ_EXEC = 5;
    private static final int MAP_PRIVATE = 2;

    private static final long SAMPLE_TYPE = SampleType.IDENTIFIER
            | SampleType.IP
            | SampleType.TID
            | SampleType.TIME
            | SampleType.CPU
            | SampleType.PERIOD
            | SampleType.CALLCHAIN;

    private final SimulatedRecording recording;
    private final PerfWriter out;

    private RecordingWriter(SimulatedRecording recording, PerfWriter out) {
        this.recording = recording;
        this.out = out;
    }

    /**
     * Writes a run to a file.
     *
     * @param commandLine what the file says that it was made by
     */
    public static void write(SimulatedRecording recording, Path file, List<String> commandLine) throws IOException {
        try (PerfWriter out = PerfWriter.create(file, events(recording.config()))) {
            out.commandLine(commandLine);
            out.feature(PerfFeatures.ARCH, "x86_64");
            out.feature(
                    PerfFeatures.OSRELEASE,
                    "simulated-" + recording.config().protocol().label());
            new RecordingWriter(recording, out).writeRecords();
        }
    }

    private static List<PerfEvent> events(MachineConfig config) {
        List<PerfEvent> events = new ArrayList<>();
        for (int number = 0; number < config.events().size(); number++) {
            EventSpec spec = config.events().get(number);
            long flags = PerfEventAttr.FLAG_SAMPLE_ID_ALL;
            flags |= spec.perTask() ? PerfEventAttr.FLAG_INHERIT : 0;
            if (number == 0) {
                flags |= PerfEventAttr.FLAG_MMAP
                        | PerfEventAttr.FLAG_MMAP2
                        | PerfEventAttr.FLAG_COMM
                        | PerfEventAttr.FLAG_COMM_EXEC
                        | PerfEventAttr.FLAG_TASK;
            }
            flags |= deferral(config.protocol(), spec);
            PerfEventAttr attr = PerfEventAttr.of(PerfEventAttr.TYPE_HARDWARE, number)
                    .withSampleType(SAMPLE_TYPE)
                    .withSamplePeriod(1)
                    .withFlags(flags);
            long[] ids = new long[config.cpus()];
            for (int cpu = 0; cpu < ids.length; cpu++) {
                ids[cpu] = id(number, cpu);
            }
            // The numbers of the first hardware events: what they count does not matter to a machine without hardware.
            String[] names = {
                "cycles",
                "instructions",
                "cache-references",
                "cache-misses",
                "branches",
                "branch-misses",
                "bus-cycles",
                "stalled-cycles-frontend"
            };
            events.add(new PerfEvent(number, names[number], attr, ids));
        }
        return events;
    }

    private static long deferral(Protocol protocol, EventSpec spec) {
        if (!spec.defersCallchain()) {
            return 0;
        }
        return switch (protocol) {
            case IMMEDIATE -> 0;
            case RFC2017 -> PerfEventAttr.FLAG_DELAYED_USER_CALLCHAIN;
            case MAINLINE ->
                PerfEventAttr.FLAG_DEFER_CALLCHAIN | (spec.outputsDeferred() ? PerfEventAttr.FLAG_DEFER_OUTPUT : 0);
        };
    }

    private static long id(int event, int cpu) {
        return 1 + event * 100L + cpu;
    }

    private static SampleId id(SimulatedRecord.Origin origin) {
        long id = id(origin.event(), origin.cpu());
        return new SampleId(origin.pid(), origin.tid(), origin.time(), id, id, origin.cpu());
    }

    private void writeRecords() throws IOException {
        long kernel = SimulatedSystem.kernelTextStart();
        out.mmap2(
                RecordMisc.CPU_MODE_KERNEL,
                new SampleId(0, 0, 0, id(0, 0), id(0, 0), 0),
                KERNEL_PID,
                0,
                kernel,
                SimulatedSystem.kernelTextSize(),
                kernel,
                new PerfRecord.MappedFile.Inode(0, 0, 0, 0),
                PROT_READ_EXEC,
                MAP_PRIVATE,
                "[kernel.kallsyms]_text");
        for (SimulatedRecord record : recording.records()) {
            write(record);
        }
    }

    private void write(SimulatedRecord record) throws IOException {
        SimulatedRecord.Origin origin = record.origin();
        SampleId id = id(origin);
        switch (record) {
            case SimulatedRecord.Sample sample -> {
                SampleFields fields = new SampleFields()
                        .misc(sample.kernelMode() ? RecordMisc.CPU_MODE_KERNEL : RecordMisc.CPU_MODE_USER)
                        .id(id.id())
                        .ip(sample.ip())
                        .task(origin.pid(), origin.tid())
                        .time(origin.time())
                        .cpu(origin.cpu())
                        .callchain(
                                sample.callchain().toArray(), sample.callchain().size());
                out.sample(origin.event(), fields);
            }
            case SimulatedRecord.Deferred late -> {
                long[] addresses = late.callchain().toArray();
                if (late.hasCookie()) {
                    out.callchainDeferred(id, late.cookie(), addresses, addresses.length);
                } else {
                    out.rfc2017Callchain(id, addresses, addresses.length);
                }
            }
            case SimulatedRecord.Comm comm -> out.comm(id, origin.pid(), origin.tid(), comm.name(), comm.exec());
            case SimulatedRecord.Mmap map ->
                out.mmap2(
                        RecordMisc.CPU_MODE_USER,
                        id,
                        origin.pid(),
                        origin.tid(),
                        map.start(),
                        map.length(),
                        map.fileOffset(),
                        new PerfRecord.MappedFile.Inode(0, 0, 1, 0),
                        PROT_READ_EXEC,
                        MAP_PRIVATE,
                        map.path());
            case SimulatedRecord.Fork fork ->
                out.fork(id, origin.pid(), fork.parentPid(), origin.tid(), fork.parentTid(), origin.time());
            case SimulatedRecord.Exit _ -> out.exit(id, origin.pid(), 1, origin.tid(), 1, origin.time());
            case SimulatedRecord.Lost lost -> out.lost(id, id.id(), lost.count());
        }
    }
}
