package org.backstitch.perf;

import java.util.List;

/**
 * A record other than a sample, decoded ({@link PerfFile#record}): the variants of linux/perf_event.h, and those of the perf tool
 * that say something about the records around them.
 *
 * <p>Process and thread ids are as the kernel's initial namespace sees them; -1 stands for a task that was already gone.
 */
public sealed interface PerfRecord {
    /** The record's place, type and size. */
    Header header();

    /** Where, when and for which event the record was written; {@link SampleId#NONE} where that is not recorded. */
    SampleId sampleId();

    /**
     * Place, type and size of a record.
     *
     * @param offset where it starts in {@link PerfFile#bytes}
     * @param type see {@link RecordType}
     * @param misc see {@link RecordMisc}
     * @param size with its header, in bytes
     */
    record Header(long offset, int type, int misc, int size) {
        /** {@link RecordMisc#CPU_MODE_UNKNOWN} to {@link RecordMisc#CPU_MODE_GUEST_USER}. */
        public int cpuMode() {
            return misc & RecordMisc.CPU_MODE_MASK;
        }
    }

    /**
     * A mapping of a file (MMAP), or the kernel's text, or one of its modules.
     *
     * @param address where it starts
     * @param length in bytes
     * @param fileOffset of its first byte in the file; for the kernel, the address of its reference symbol
     * @param fileName the file's path; {@code [kernel.kallsyms]_text}, {@code [vdso]}, {@code [heap]}, {@code //anon}
     */
    record Mmap(
            Header header,
            SampleId sampleId,
            int pid,
            int tid,
            long address,
            long length,
            long fileOffset,
            String fileName)
            implements PerfRecord {
        /** Whether it is data, not executable text. */
        public boolean isData() {
            return (header.misc() & RecordMisc.MMAP_DATA) != 0;
        }
    }

    /**
     * A mapping of a file (MMAP2).
     *
     * @param address where it starts
     * @param length in bytes
     * @param fileOffset of its first byte in the file
     * @param file which file it is, beyond its name
     * @param protection {@code PROT_*} of mmap(2)
     * @param flags {@code MAP_*} of mmap(2)
     * @param fileName the file's path
     */
    record Mmap2(
            Header header,
            SampleId sampleId,
            int pid,
            int tid,
            long address,
            long length,
            long fileOffset,
            MappedFile file,
            int protection,
            int flags,
            String fileName)
            implements PerfRecord {
        /** Whether it is data, not executable text. */
        public boolean isData() {
            return (header.misc() & RecordMisc.MMAP_DATA) != 0;
        }
    }

    /** What identifies the file of a {@link Mmap2}. */
    sealed interface MappedFile {
        /**
         * Its build id.
         *
         * @param hex in lower-case hexadecimal digits, two a byte; up to 20 bytes
         */
        record BuildId(String hex) implements MappedFile {}

        /** Its device's major and minor numbers, inode and the inode's generation; all 0 if it is no file. */
        record Inode(int major, int minor, long inode, long generation) implements MappedFile {}
    }

    /** Samples of one event were lost, for want of space in the buffer (LOST). */
    record Lost(Header header, SampleId sampleId, long id, long lost) implements PerfRecord {}

    /** Samples were lost (LOST_SAMPLES), by the hardware, or as the perf tool summed up when it ended. */
    record LostSamples(Header header, SampleId sampleId, long lost) implements PerfRecord {}

    /** A thread has a new name. */
    record Comm(Header header, SampleId sampleId, int pid, int tid, String comm) implements PerfRecord {
        /** Whether it is the name of a program that the process has just started to execute: all it had mapped is gone. */
        public boolean isExec() {
            return (header.misc() & RecordMisc.COMM_EXEC) != 0;
        }
    }

    /** A thread or, if {@code pid != parentPid}, a process was started. */
    record Fork(Header header, SampleId sampleId, int pid, int parentPid, int tid, int parentTid, long time)
            implements PerfRecord {}

    /** A thread has ended. */
    record Exit(Header header, SampleId sampleId, int pid, int parentPid, int tid, int parentTid, long time)
            implements PerfRecord {}

    /** An event that came too often was stopped (THROTTLE) or goes on (UNTHROTTLE). */
    record Throttle(Header header, SampleId sampleId, boolean on, long time, long id, long streamId)
            implements PerfRecord {}

    /**
     * A counter of a task that ended. (The kernel refuses counters of tasks that are read in groups.)
     *
     * @param value what it counted
     * @param timeEnabled for how long it was enabled, in nanoseconds; -1 if that was not recorded
     * @param timeRunning for how long it counted, in nanoseconds; -1 if that was not recorded
     * @param id the event's instance; -1 if that was not recorded
     * @param lost how many of its samples were lost; -1 if that was not recorded
     */
    record Read(
            Header header,
            SampleId sampleId,
            int pid,
            int tid,
            long value,
            long timeEnabled,
            long timeRunning,
            long id,
            long lost)
            implements PerfRecord {}

    /** Hardware trace was written to the AUX area. */
    record Aux(Header header, SampleId sampleId, long auxOffset, long auxSize, long flags) implements PerfRecord {}

    /** A hardware trace has started. */
    record ItraceStart(Header header, SampleId sampleId, int pid, int tid) implements PerfRecord {}

    /** The hardware's id of an event whose samples are in the trace. */
    record AuxOutputHardwareId(Header header, SampleId sampleId, long hardwareId) implements PerfRecord {}

    /** A context switch of the task in {@link #sampleId}. */
    record Switch(Header header, SampleId sampleId) implements PerfRecord {
        /** Whether the task leaves the CPU; else it comes. */
        public boolean isOut() {
            return (header.misc() & RecordMisc.SWITCH_OUT) != 0;
        }
    }

    /** A context switch, with the task that comes next (on switching out) or came before (on switching in). */
    record SwitchCpuWide(Header header, SampleId sampleId, int nextOrPreviousPid, int nextOrPreviousTid)
            implements PerfRecord {
        /** Whether the task leaves the CPU; else it comes. */
        public boolean isOut() {
            return (header.misc() & RecordMisc.SWITCH_OUT) != 0;
        }
    }

    /** The namespaces of a task, by their links in /proc/PID/ns: net, uts, ipc, pid, user, mnt, cgroup. */
    record Namespaces(Header header, SampleId sampleId, int pid, int tid, List<Namespace> namespaces)
            implements PerfRecord {
        public Namespaces {
            namespaces = List.copyOf(namespaces);
        }
    }

    /** The device and inode of a namespace. */
    record Namespace(long device, long inode) {}

    /**
     * Kernel text that came or went: a BPF program, a trampoline.
     *
     * @param address where it starts
     * @param length in bytes; unsigned
     * @param symbolType 1 for BPF, 2 for code that replaces other code
     * @param flags 1 if it went
     */
    record Ksymbol(Header header, SampleId sampleId, long address, int length, int symbolType, int flags, String name)
            implements PerfRecord {
        /** Whether it went; else it came. */
        public boolean isUnregister() {
            return (flags & 1) != 0;
        }
    }

    /** A BPF program was loaded (1) or unloaded (2). */
    record BpfEvent(Header header, SampleId sampleId, int eventType, int flags, int id, String tag)
            implements PerfRecord {}

    /** A control group and its path. */
    record Cgroup(Header header, SampleId sampleId, long id, String path) implements PerfRecord {}

    /** Kernel text was changed in place (TEXT_POKE). */
    final class TextPoke implements PerfRecord {
        private final Header header;
        private final SampleId sampleId;
        private final long address;
        private final byte[] oldBytes;
        private final byte[] newBytes;

        TextPoke(Header header, SampleId sampleId, long address, byte[] oldBytes, byte[] newBytes) {
            this.header = header;
            this.sampleId = sampleId;
            this.address = address;
            this.oldBytes = oldBytes.clone();
            this.newBytes = newBytes.clone();
        }

        @Override
        public Header header() {
            return header;
        }

        @Override
        public SampleId sampleId() {
            return sampleId;
        }

        /** Where the text was changed. */
        public long address() {
            return address;
        }

        /** What was there; empty if the text is new. */
        public byte[] oldBytes() {
            return oldBytes.clone();
        }

        /** What is there now; empty if the text is gone. */
        public byte[] newBytes() {
            return newBytes.clone();
        }

        @Override
        public String toString() {
            return "TextPoke[%s, address=0x%x]".formatted(header, address);
        }
    }

    /**
     * The user callchain of a stay in the kernel, taken on the way back to user mode (CALLCHAIN_DEFERRED, Linux 6.19). Which samples
     * it belongs to says the cookie, which their callchains end with, behind {@link CallchainContext#USER_DEFERRED}.
     */
    final class CallchainDeferred implements PerfRecord {
        private final Header header;
        private final SampleId sampleId;
        private final long cookie;
        private final long[] addresses;

        CallchainDeferred(Header header, SampleId sampleId, long cookie, long[] addresses) {
            this.header = header;
            this.sampleId = sampleId;
            this.cookie = cookie;
            this.addresses = addresses.clone();
        }

        @Override
        public Header header() {
            return header;
        }

        @Override
        public SampleId sampleId() {
            return sampleId;
        }

        /** Names the stay in the kernel, among those of one thread. */
        public long cookie() {
            return cookie;
        }

        /** How many addresses the callchain has; not bounded by what a sample's callchain is bounded by. */
        public int length() {
            return addresses.length;
        }

        /** An address of the callchain, innermost first. There is no marker before them: all are of user mode. */
        public long address(int index) {
            return addresses[index];
        }

        /** A copy of all addresses. */
        public long[] addresses() {
            return addresses.clone();
        }

        @Override
        public String toString() {
            return "CallchainDeferred[%s, cookie=0x%x, length=%d]".formatted(header, cookie, addresses.length);
        }
    }

    /** No record behind this one is older than any record before the previous one of these. */
    record FinishedRound(Header header) implements PerfRecord {
        @Override
        public SampleId sampleId() {
            return SampleId.NONE;
        }
    }

    /** Everything that the perf tool made up about tasks that already ran lies before this record. */
    record FinishedInit(Header header) implements PerfRecord {
        @Override
        public SampleId sampleId() {
            return SampleId.NONE;
        }
    }

    /** A build id (HEADER_BUILD_ID). {@link PerfFeatures#buildIds} has it already. */
    record BuildId(Header header, BuildIdEntry entry) implements PerfRecord {
        @Override
        public SampleId sampleId() {
            return SampleId.NONE;
        }
    }

    /** What the ids of events stand for (ID_INDEX). */
    record IdIndex(Header header, List<IdIndexEntry> entries) implements PerfRecord {
        public IdIndex {
            entries = List.copyOf(entries);
        }

        @Override
        public SampleId sampleId() {
            return SampleId.NONE;
        }
    }

    /**
     * One instance of an event.
     *
     * @param id as in {@link PerfEvent#ids}
     * @param index of its buffer
     * @param cpu that it counts on, -1 for any
     * @param tid that it counts for, -1 for all
     */
    record IdIndexEntry(long id, long index, long cpu, long tid) {}

    /** The threads that were asked for (THREAD_MAP). */
    record ThreadMap(Header header, List<NamedThread> threads) implements PerfRecord {
        public ThreadMap {
            threads = List.copyOf(threads);
        }

        @Override
        public SampleId sampleId() {
            return SampleId.NONE;
        }
    }

    /** A thread and its name; -1 stands for all threads. */
    record NamedThread(long tid, String comm) {}

    /** How the time stamp counter relates to the recording's clock (TIME_CONV): {@code ns = zero + (tsc * multiplier >> shift)}. */
    record TimeConversion(Header header, long shift, long multiplier, long zero) implements PerfRecord {
        @Override
        public SampleId sampleId() {
            return SampleId.NONE;
        }
    }

    /** Hardware trace that follows the record and is no part of its size (AUXTRACE). */
    record Auxtrace(Header header, long traceSize, long auxOffset, long reference, int index, int tid, int cpu)
            implements PerfRecord {
        @Override
        public SampleId sampleId() {
            return SampleId.NONE;
        }
    }

    /**
     * A record of which only the place is told: one that this library has no use for, or does not know. {@link RecordType#isKnown}
     * tells these apart.
     */
    record Undecoded(Header header, SampleId sampleId) implements PerfRecord {}
}
