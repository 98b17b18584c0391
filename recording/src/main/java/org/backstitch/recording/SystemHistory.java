package org.backstitch.recording;

import java.util.HashMap;
import java.util.Map;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.LateCallchainCursor;
import org.backstitch.perf.MappingCursor;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfRecord;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.RecordType;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.deferred.JoinPolicy;

/**
 * What happened to a recording's processes, threads and kernel, as its records tell: what was mapped when, what threads were called.
 *
 * <p>Records are {@linkplain #apply applied} in the order in which things happened. Whoever asks names a moment, so that what is applied
 * later does not change an answer. The lock is for streams, in which samples are resolved while later records are applied.
 */
final class SystemHistory {
    private static final int KERNEL_PID = -1;

    /** What matters to those who join late callchains; called as the records are applied. */
    interface JoinEvents {
        /** A late callchain. Under the RFC of 2017 {@code name} is the event's, else the cookie. */
        void record(int pid, int tid, long name, long time, long offset);

        /** A process runs another program. */
        void exec(int pid, long time, long offset);

        /** A task ends. */
        void exit(int tid, long time, long offset);

        /** A task begins. */
        void fork(int tid, long time, long offset);

        /** Records were lost before this time. */
        void lost(long time);
    }

    private final PerfFile file;
    private final ModuleFinder modules;
    private final JoinPolicy join;
    private final JoinEvents events;
    private final boolean timed;
    private final Map<Long, Integer> eventsById;
    private final MappingCursor mapping;
    private final LateCallchainCursor late;
    private final Map<Integer, ProcessHistory> processes = new HashMap<>();
    private final Map<Integer, ThreadHistory> threads = new HashMap<>();
    private final KernelMap kernel = new KernelMap();
    private long lostRecords;
    private volatile boolean complete;

    /** A history in which nothing has happened; {@code timed} says whether the recording's times count, or its offsets. */
    SystemHistory(PerfFile file, ModuleFinder modules, JoinPolicy join, boolean timed, JoinEvents events) {
        this.file = file;
        this.mapping = file.mappings();
        this.late = file.lateCallchains();
        this.modules = modules;
        this.join = join;
        this.timed = timed;
        this.events = events;
        this.eventsById = join == JoinPolicy.RFC2017 ? eventsById(file) : Map.of();
    }

    /** The event of each instance, by its id. */
    private static Map<Long, Integer> eventsById(PerfFile file) {
        Map<Long, Integer> events = new HashMap<>();
        for (PerfEvent event : file.events()) {
            for (long id : event.ids()) {
                events.put(id, event.index());
            }
        }
        return events;
    }

    /** Whether records of a type are part of the history. */
    static boolean matters(int type) {
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

    /** Applies the record at an offset; a damaged one is counted and left out. */
    synchronized void apply(long offset, long time) {
        int type = file.bytes().i32(offset);
        try {
            if (type == RecordType.MMAP || type == RecordType.MMAP2) {
                applyMapping(time, offset);
            } else if (type == RecordType.CALLCHAIN_DEFERRED
                    || type == RecordType.KSYMBOL && join == JoinPolicy.RFC2017) {
                applyLateCallchain(type, time, offset);
            } else {
                apply(file.record(offset), time);
            }
        } catch (MalformedInputException e) {
            file.anomalies().add(Anomalies.Kind.BAD_RECORD, e.offset(), e.reason());
        }
    }

    private void apply(PerfRecord record, long time) {
        long offset = record.header().offset();
        // A chain of questions: to link a switch over types takes milliseconds in a virtual machine that has just
        // started.
        if (record instanceof PerfRecord.Comm comm) {
            thread(comm.tid()).name(time, offset, comm.comm());
            if (comm.isExec()) {
                process(comm.pid()).exec(time, offset);
                events.exec(comm.pid(), time, offset);
            }
        } else if (record instanceof PerfRecord.Fork fork) {
            fork(fork, time, offset);
            events.fork(fork.tid(), time, offset);
        } else if (record instanceof PerfRecord.Exit exit) {
            events.exit(exit.tid(), time, offset);
        } else if (record instanceof PerfRecord.Ksymbol symbol) {
            if (!symbol.isUnregister()) {
                kernel.symbol(symbol.address(), Integer.toUnsignedLong(symbol.length()), symbol.name());
            }
        } else if (record instanceof PerfRecord.Lost lost) {
            lostRecords += lost.lost();
            events.lost(time);
        } else if (record instanceof PerfRecord.LostSamples lost) {
            lostRecords += lost.lost();
        }
        // Of the others, unwinding and naming need nothing.
    }

    private void applyMapping(long time, long offset) {
        mapping.moveTo(offset);
        if (mapping.length() == 0 || mapping.address() == -1) {
            return; // An end behind the last address is taken to be that address.
        }
        int pid = mapping.pid();
        if (pid != KERNEL_PID && mapping.cpuMode() != RecordMisc.CPU_MODE_KERNEL) {
            process(pid).map(time, offset);
            return;
        }
        MappedRange range = MappedRange.of(mapping);
        if (range.path().startsWith(KernelMap.KERNEL)) {
            kernel.kernel(range, range.path().substring(KernelMap.KERNEL.length()));
        } else {
            kernel.module(range);
        }
    }

    private void applyLateCallchain(int type, long time, long offset) {
        late.moveTo(offset);
        // Under the RFC of 2017 a late callchain is known by its task and its event.
        long name = type == RecordType.KSYMBOL ? eventsById.getOrDefault(late.eventId(), 0) : late.cookie();
        events.record(late.pid(), late.tid(), name, timed ? time : 0, offset);
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
        return processes.computeIfAbsent(pid, _ -> new ProcessHistory(file, modules));
    }

    private ThreadHistory thread(int tid) {
        return threads.computeIfAbsent(tid, ThreadHistory::new);
    }

    /** Says that nothing more will happen: whoever asks from now on need not wait for others. */
    synchronized void complete() {
        complete = true;
    }

    /**
     * What is asked of a process or a thread as it was when a record was written. Questions are constants: they are put for every sample, and
     * one that had to be made each time would cost more than its answer.
     */
    @FunctionalInterface
    private interface Question<T> {
        T answer(SystemHistory history, int id, long time, long offset);
    }

    private <T> T ask(Question<T> question, int id, long time, long offset) {
        if (complete) {
            return question.answer(this, id, time, offset);
        }
        synchronized (this) {
            return question.answer(this, id, time, offset);
        }
    }

    /** What a process had mapped when a record was written. */
    AddressSpace space(int pid, long time, long offset) {
        return ask(SystemHistory::spaceNow, pid, time, offset);
    }

    private AddressSpace spaceNow(int pid, long time, long offset) {
        ProcessHistory process = processes.get(pid);
        return process == null ? AddressSpace.EMPTY : process.at(time, offset);
    }

    /** A number that changes whenever a mapping of a process does. */
    int spaceVersion(int pid, long time, long offset) {
        return ask(SystemHistory::spaceVersionNow, pid, time, offset);
    }

    private int spaceVersionNow(int pid, long time, long offset) {
        ProcessHistory process = processes.get(pid);
        return process == null ? 0 : process.versionAt(time, offset);
    }

    /** What a process was doing with its program when a record was written. */
    ProcessHistory.Program program(int pid, long time, long offset) {
        return ask(SystemHistory::programNow, pid, time, offset);
    }

    private ProcessHistory.Program programNow(int pid, long time, long offset) {
        ProcessHistory process = processes.get(pid);
        return process == null ? ProcessHistory.Program.FIRST : process.program(time, offset);
    }

    /** What a thread was called when a record was written. */
    String comm(int tid, long time, long offset) {
        return ask(SystemHistory::commNow, tid, time, offset);
    }

    private String commNow(int tid, long time, long offset) {
        ThreadHistory thread = threads.get(tid);
        return thread == null ? ThreadHistory.unnamed(tid) : thread.at(time, offset);
    }

    /** A walker through the files that processes had mapped, for one thread. */
    UserUnwinder newUnwinder() {
        return modules.newUnwinder();
    }

    /** The kernel's text. */
    KernelMap kernel() {
        return kernel;
    }

    /** Whether all events record times. If not, records happen in the order of the file, and a record's offset stands for its time. */
    boolean isTimed() {
        return timed;
    }

    /** How many records the recording says were lost, so far. */
    synchronized long lostRecords() {
        return lostRecords;
    }
}
