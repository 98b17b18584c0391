package org.backstitch.recording;

import java.util.HashMap;
import java.util.Map;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfRecord;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.RecordType;
import org.backstitch.perf.SampleCursor;
import org.backstitch.perf.SampleId;
import org.backstitch.perf.SampleType;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.deferred.DeferredIndex;
import org.backstitch.unwind.deferred.JoinPolicy;

/**
 * What the first pass over a recording learns: what happened to its processes, where its late callchains are, and how far its samples
 * are out of order.
 *
 * <p>Samples are located and not decoded: of each the time is read, and of every {@value #CHUNK_BYTES} bytes of records the earliest
 * one is kept, which is all that the second pass needs to give samples away in the order of time as early as that is safe.
 *
 * <p>Immutable once made; safe for any number of threads.
 */
final class RecordingIndex {
    static final long CHUNK_BYTES = 1 << 20;

    private static final int PROT_EXEC = 4;
    private static final int KERNEL_PID = -1;

    private final PerfFile file;
    private final ModuleFinder modules;
    private final Map<Integer, ProcessHistory> processes = new HashMap<>();
    private final Map<Integer, ThreadHistory> threads = new HashMap<>();
    private final KernelMap kernel = new KernelMap();
    private final DeferredIndex deferred;
    private final boolean timed;
    private final Timeline chunks = new Timeline();
    private long[] horizons = new long[0];
    private long samples;
    private long lateRecords;
    private long lostRecords;

    RecordingIndex(PerfFile file, ModuleFinder modules, JoinPolicy join) {
        this.file = file;
        this.modules = modules;
        timed = file.events().stream().allMatch(event -> (event.attr().sampleType() & SampleType.TIME) != 0);
        Timeline sideBand = scan();
        sideBand.sort();
        DeferredIndex.Builder late = new DeferredIndex.Builder();
        Map<Long, Integer> eventsById = join == JoinPolicy.RFC2017 ? eventsById() : Map.of();
        for (int i = 0; i < sideBand.size(); i++) {
            try {
                long offset = sideBand.offset(i);
                if (join == JoinPolicy.RFC2017 && file.bytes().i32(offset) == RecordType.KSYMBOL) {
                    PerfRecord.CallchainDeferred chain = file.rfc2017Callchain(offset);
                    int event = eventsById.getOrDefault(chain.sampleId().id(), 0);
                    applyRfc2017(chain, event, sideBand.time(i), late);
                } else {
                    apply(file.record(offset), sideBand.time(i), late);
                }
            } catch (MalformedInputException e) {
                file.anomalies().add(Anomalies.Kind.BAD_RECORD, e.offset(), e.reason());
            }
        }
        deferred = late.build(timed, join);
    }

    /** Passes over all records: gives the place and time of those that are not samples. */
    private Timeline scan() {
        Timeline sideBand = new Timeline();
        RecordCursor records = file.records();
        long chunkStart = file.recordsStart();
        long earliest = -1;
        long clock = 0;
        while (records.next()) {
            long time = timed ? records.time() : records.offset();
            if (records.offset() - chunkStart >= CHUNK_BYTES) {
                chunks.add(earliest, chunkStart);
                chunkStart = records.offset();
                earliest = -1;
            }
            boolean ordered = records.isSample() || records.type() == RecordType.CALLCHAIN_DEFERRED;
            if (ordered) {
                earliest = Long.compareUnsigned(time, earliest) < 0 ? time : earliest;
            }
            if (records.isSample()) {
                samples++;
                clock = time;
            } else if (matters(records.type())) {
                // What has no time of its own happened when the record before it did.
                clock = timed && time == -1 ? clock : time;
                sideBand.add(clock, records.offset());
            }
        }
        chunks.add(earliest, chunkStart);
        horizons = new long[chunks.size() + 1];
        horizons[chunks.size()] = -1;
        for (int i = chunks.size() - 1; i >= 0; i--) {
            horizons[i] = Long.compareUnsigned(chunks.time(i), horizons[i + 1]) < 0 ? chunks.time(i) : horizons[i + 1];
        }
        return sideBand;
    }

    private static boolean matters(int type) {
        return switch (type) {
            case RecordType.MMAP,
                    RecordType.MMAP2,
                    RecordType.COMM,
                    RecordType.FORK,
                    RecordType.EXIT,
                    RecordType.KSYMBOL,
                    RecordType.LOST,
                    RecordType.LOST_SAMPLES,
                    RecordType.CALLCHAIN_DEFERRED -> true;
            default -> false;
        };
    }

    /** What the RFC of 2017 made of a type that means another thing today: a late callchain, known by its task and its event. */
    private void applyRfc2017(PerfRecord.CallchainDeferred chain, int event, long time, DeferredIndex.Builder late) {
        lateRecords++;
        SampleId id = chain.sampleId();
        late.record(id.pid(), id.tid(), event, timed ? time : 0, chain.header().offset());
    }

    /** The event of each instance, by its id. */
    private Map<Long, Integer> eventsById() {
        Map<Long, Integer> events = new HashMap<>();
        for (PerfEvent event : file.events()) {
            for (long id : event.ids()) {
                events.put(id, event.index());
            }
        }
        return events;
    }

    private void apply(PerfRecord record, long time, DeferredIndex.Builder late) {
        long offset = record.header().offset();
        switch (record) {
            case PerfRecord.Mmap map -> {
                MappedRange range = new MappedRange(
                        map.address(), map.length(), map.fileOffset(), !map.isData(), map.fileName(), "");
                map(map.pid(), record.header().cpuMode(), time, offset, range);
            }
            case PerfRecord.Mmap2 map -> {
                boolean executable = (map.protection() & PROT_EXEC) != 0 || map.protection() == 0 && !map.isData();
                String buildId = map.file() instanceof PerfRecord.MappedFile.BuildId(String hex) ? hex : "";
                MappedRange range = new MappedRange(
                        map.address(), map.length(), map.fileOffset(), executable, map.fileName(), buildId);
                map(map.pid(), record.header().cpuMode(), time, offset, range);
            }
            case PerfRecord.Comm comm -> {
                thread(comm.tid()).name(time, offset, comm.comm());
                if (comm.isExec()) {
                    process(comm.pid()).exec(time, offset);
                    late.exec(comm.pid(), time, offset);
                }
            }
            case PerfRecord.Fork fork -> {
                fork(fork, time, offset);
                late.fork(fork.tid(), time, offset);
            }
            case PerfRecord.Exit exit -> late.exit(exit.tid(), time, offset);
            case PerfRecord.Ksymbol symbol -> {
                if (!symbol.isUnregister()) {
                    kernel.symbol(symbol.address(), Integer.toUnsignedLong(symbol.length()), symbol.name());
                }
            }
            case PerfRecord.Lost lost -> {
                lostRecords += lost.lost();
                late.lost(0, time);
            }
            case PerfRecord.LostSamples lost -> lostRecords += lost.lost();
            case PerfRecord.CallchainDeferred chain -> {
                lateRecords++;
                int pid = chain.sampleId().pid();
                late.record(pid, chain.sampleId().tid(), chain.cookie(), timed ? time : 0, offset);
            }
            default -> {
                // Nothing that unwinding or naming needs.
            }
        }
    }

    private void map(int pid, int cpuMode, long time, long offset, MappedRange range) {
        if (range.isEmpty()) {
            return;
        }
        if (pid == KERNEL_PID || cpuMode == RecordMisc.CPU_MODE_KERNEL) {
            if (range.path().startsWith(KernelMap.KERNEL)) {
                kernel.kernel(range, range.path().substring(KernelMap.KERNEL.length()));
            } else {
                kernel.module(range);
            }
        } else {
            process(pid).map(time, offset, range);
        }
    }

    private void fork(PerfRecord.Fork fork, long time, long offset) {
        boolean invented = (fork.header().misc() & RecordMisc.FORK_EXEC) != 0;
        if (fork.pid() != fork.parentPid()) {
            if (invented) {
                // perf tells of processes that were there before it as if they were forked; what they have mapped it
                // tells itself.
                process(fork.pid()).exec(time, offset);
            } else {
                process(fork.pid()).copy(time, offset, process(fork.parentPid()));
            }
        }
        if (!invented && fork.tid() != fork.parentTid()) {
            thread(fork.tid()).name(time, offset, thread(fork.parentTid()).last());
        }
    }

    private ProcessHistory process(int pid) {
        return processes.computeIfAbsent(pid, _ -> new ProcessHistory(modules));
    }

    private ThreadHistory thread(int tid) {
        return threads.computeIfAbsent(tid, ThreadHistory::new);
    }

    /** What a process had mapped when a record was written. */
    AddressSpace space(int pid, long time, long offset) {
        ProcessHistory process = processes.get(pid);
        return process == null ? AddressSpace.EMPTY : process.at(time, offset);
    }

    /** A number that changes whenever a mapping of a process does. */
    long spaceVersion(int pid, long time, long offset) {
        ProcessHistory process = processes.get(pid);
        return process == null ? 0 : process.versionAt(time, offset);
    }

    /** What a process was doing with its program when a record was written. */
    ProcessHistory.Program program(int pid, long time, long offset) {
        ProcessHistory process = processes.get(pid);
        return process == null ? ProcessHistory.Program.FIRST : process.program(time, offset);
    }

    /** What a thread was called when a record was written. */
    String comm(int tid, long time, long offset) {
        ThreadHistory thread = threads.get(tid);
        return thread == null ? tid == 0 ? "swapper" : ":" + tid : thread.at(time, offset);
    }

    /** The kernel's text. */
    KernelMap kernel() {
        return kernel;
    }

    /** What {@link DeferredIndex#find} says of the late callchain that a sample asks for. */
    long lateRecord(SampleCursor sample, LateRequest request) {
        long time = timed ? sample.time() : 0;
        return deferred.find(sample.pid(), sample.tid(), request.name(), time, sample.offset());
    }

    /** The late callchains. */
    DeferredIndex deferred() {
        return deferred;
    }

    /** Whether all events record times. If not, records happen in the order of the file, and a record's offset stands for its time. */
    boolean isTimed() {
        return timed;
    }

    /** How many samples there are. */
    long samples() {
        return samples;
    }

    /** How many late callchains there are. */
    long lateRecords() {
        return lateRecords;
    }

    /** How many records the recording says were lost. */
    long lostRecords() {
        return lostRecords;
    }

    /** How many chunks the records fall into. */
    int chunkCount() {
        return chunks.size();
    }

    /** Where a chunk starts in the file. */
    long chunkStart(int chunk) {
        return chunk == chunks.size() ? file.recordsEnd() : chunks.offset(chunk);
    }

    /** The earliest time of any sample in a chunk or behind it; -1, the latest of all, behind the last. */
    long horizon(int chunk) {
        return horizons[chunk];
    }
}
