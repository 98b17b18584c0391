package org.backstitch.perf;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The text of {@code perf report -D}, twice: as perf wrote it, and as it follows from what this library reads. Both are lists of lines
 * by the record's offset, so that the order in which perf shows records does not matter.
 *
 * <p>What needs more than the record itself (symbols, names of threads and files, perf's remarks) is left out on both sides.
 */
final class PerfReport {
    private static final Pattern RECORD =
            Pattern.compile("^((?:-?\\d+ ){0,2})(0x[0-9a-f]+|0) \\[(0x[0-9a-f]+)\\]: PERF_RECORD_(.*)$");

    private static final Pattern DETAIL = Pattern.compile(
            "^(\\.\\.\\. FP chain|\\.\\.\\.\\.\\. +\\d+: |\\.\\.\\. user regs|\\.\\.\\. intr regs|\\.\\.\\.\\. [A-Z]|\\.\\.\\. ustack"
                    + "|\\.\\.\\. weight| \\. data_src| \\.\\. phys_addr|\\.\\.\\. transaction|\\.\\.\\. sample_read|\\.\\.\\.\\.\\.\\. time "
                    + "|\\.\\.\\.\\. group nr|\\.\\.\\.\\.\\. id |\\.\\.\\. branch stack| \\.\\.\\. id: |\\.\\.\\. Time (Shift|Mult|Zero)|\\.\\.\\. (time enabled|time running|id  |lost  )|\\t\\t).*");

    private static final Pattern RAW_BYTES = Pattern.compile("^\\.  [0-9a-f]{4}:.*");

    private PerfReport() {}

    /** The records in perf's text, by offset. */
    static SortedMap<Long, String> parse(Iterable<String> text) {
        SortedMap<Long, String> records = new TreeMap<>();
        read(text, records, new ArrayList<>());
        return records;
    }

    /** The records in perf's text, in its order: for unpacked records, to which perf gives offsets of their own. */
    static List<String> parseAll(Iterable<String> text) {
        List<String> records = new ArrayList<>();
        read(text, new TreeMap<>(), records);
        return records;
    }

    private static void read(Iterable<String> text, SortedMap<Long, String> byOffset, List<String> all) {
        List<List<String>> records = new ArrayList<>();
        List<Long> offsets = new ArrayList<>();
        List<String> current = new ArrayList<>();
        for (String line : text) {
            Matcher record = RECORD.matcher(line);
            if (record.matches()) {
                current = new ArrayList<>();
                String what = record.group(4).replaceFirst(": unhandled!$", "");
                String name = what.replaceAll("[^A-Z0-9_].*", "");
                // The tool's own records have no time; perf shows whatever the last one left.
                boolean tools = !KERNELS.contains(name);
                current.add(
                        (tools ? "" : record.group(1)) + record.group(3) + " " + (OPAQUE.contains(name) ? name : what));
                records.add(current);
                offsets.add(Long.decode(record.group(2)));
            } else if (DETAIL.matcher(line).matches() && !line.contains("Hex dump")) {
                current.add(line.replaceFirst(" \\(PERF_CONTEXT_[A-Z_]*\\)$", ""));
            } else if (line.isEmpty()
                    || line.startsWith("0x")
                    || RAW_BYTES.matcher(line).matches()) {
                current = line.isEmpty() && !current.isEmpty() ? new ArrayList<>() : current;
            }
        }
        for (int i = 0; i < records.size(); i++) {
            String joined = String.join("\n", records.get(i));
            byOffset.put(offsets.get(i), joined);
            all.add(joined);
        }
    }

    private static final List<String> KERNELS = List.of(
            "MMAP",
            "LOST",
            "COMM",
            "EXIT",
            "THROTTLE",
            "UNTHROTTLE",
            "FORK",
            "READ",
            "SAMPLE",
            "MMAP2",
            "AUX",
            "ITRACE_START",
            "LOST_SAMPLES",
            "SWITCH",
            "SWITCH_CPU_WIDE",
            "NAMESPACES",
            "KSYMBOL",
            "BPF_EVENT",
            "CGROUP",
            "TEXT_POKE",
            "AUX_OUTPUT_HW_ID",
            "CALLCHAIN_DEFERRED");

    /** Records of which only place, size and type are compared. */
    private static final List<String> OPAQUE = List.of(
            "ATTR", "FEATURE", "EVENT_UPDATE", "CPU_MAP", "BUILD_ID", "TRACING_DATA", "TEXT_POKE", "THREAD_MAP");

    /** The records of a recording in perf's words, by offset. */
    static SortedMap<Long, String> render(PerfFile file) {
        SortedMap<Long, String> records = new TreeMap<>();
        RecordCursor cursor = file.records();
        SampleCursor sample = file.samples();
        long combined = 0;
        for (PerfEvent event : file.events()) {
            combined |= event.attr().sampleType();
        }
        while (cursor.next()) {
            StringBuilder text = new StringBuilder();
            if (cursor.type() < RecordType.USER_TYPE_START) {
                int cpu;
                long time = cursor.time();
                if (cursor.isSample()) {
                    cpu = sample.moveTo(cursor.offset()) ? sample.cpu() : -1;
                } else {
                    cpu = file.record(cursor.offset()).sampleId().cpu();
                }
                text.append((combined & SampleType.CPU) != 0 ? Integer.toUnsignedString(cpu) + " " : "");
                text.append((combined & SampleType.TIME) != 0 ? Long.toUnsignedString(time) + " " : "");
            }
            text.append("0x%x %s".formatted(cursor.size(), RecordType.name(cursor.type())));
            if (cursor.isSample()) {
                render(sample, file.events().get(sample.eventIndex()).attr(), text);
            } else if (!OPAQUE.contains(RecordType.name(cursor.type()))) {
                PerfRecord record = file.record(cursor.offset());
                render(record, file.events(), cursor.eventIndex(), text);
                if (record instanceof PerfRecord.CallchainDeferred chain
                        && (sampleType(file, cursor.eventIndex()) & SampleType.CALLCHAIN) != 0) {
                    // perf shows the chain only if samples of the same event have one; that of a dummy event do not.
                    render(chain, text);
                }
            }
            records.put(cursor.offset(), text.toString());
        }
        return records;
    }

    private static void line(StringBuilder text, String name, long value) {
        if (value != -1) {
            line(text, name + value);
        }
    }

    private static long sampleType(PerfFile file, int event) {
        return file.events().get(event).attr().sampleType();
    }

    private static void render(PerfRecord.CallchainDeferred chain, StringBuilder text) {
        line(text, "... FP chain: nr:%d".formatted(chain.length()));
        for (int i = 0; i < chain.length(); i++) {
            line(text, "..... %2d: %016x".formatted(i, chain.address(i)));
        }
    }

    private static void line(StringBuilder text, String line) {
        text.append('\n').append(line);
    }

    /** C's {@code %#lx}. */
    private static String hex(long value) {
        return value == 0 ? "0" : "0x" + Long.toHexString(value);
    }

    private static void render(SampleCursor s, PerfEventAttr attr, StringBuilder text) {
        // perf shows 0 where a field was not recorded, and the attribute's number where the period was not.
        long period = s.has(SampleType.PERIOD) ? s.period() : attr.samplePeriod();
        text.append("(IP, 0x%x): %d/%d: %s period: %s addr: %s"
                .formatted(
                        s.misc(),
                        s.pid(),
                        s.tid(),
                        hex(s.has(SampleType.IP) ? s.ip() : 0),
                        Long.toUnsignedString(period),
                        hex(s.has(SampleType.ADDR) ? s.address() : 0)));
        if (s.has(SampleType.CALLCHAIN)) {
            line(text, "... FP chain: nr:%d".formatted(s.callchainLength()));
            for (int i = 0; i < s.callchainLength(); i++) {
                line(text, "..... %2d: %016x".formatted(i, s.callchain(i)));
            }
        }
        if (s.has(SampleType.REGS_USER) && s.userRegisterAbi() != PerfRegisters.ABI_NONE) {
            line(text, "... user regs: mask 0x%x ABI %s".formatted(s.userRegisterMask(), abi(s.userRegisterAbi())));
            for (int i = 0; i < 64; i++) {
                if (s.hasUserRegister(i)) {
                    line(text, ".... %-5s 0x%016x".formatted(REGISTERS[i], s.userRegister(i)));
                }
            }
        }
        if (s.has(SampleType.REGS_INTR) && s.interruptRegisterAbi() != PerfRegisters.ABI_NONE) {
            line(
                    text,
                    "... intr regs: mask 0x%x ABI %s"
                            .formatted(s.interruptRegisterMask(), abi(s.interruptRegisterAbi())));
            for (int i = 0; i < 64; i++) {
                if ((s.interruptRegisterMask() >>> i & 1) != 0) {
                    line(text, ".... %-5s 0x%016x".formatted(REGISTERS[i], s.interruptRegister(i)));
                }
            }
        }
        if (s.has(SampleType.STACK_USER)) {
            line(text, "... ustack: size %d, offset 0x%x".formatted(s.stackSize(), s.stackOffset() - 8 - s.offset()));
        }
        if (s.has(SampleType.WEIGHT_STRUCT)) {
            line(
                    text,
                    "... weight: %d,0x%x,0x%x"
                            .formatted(s.weight() & 0xffff_ffffL, s.weight() >>> 32 & 0xffff, s.weight() >>> 48));
        } else if (s.has(SampleType.WEIGHT)) {
            line(text, "... weight: %d".formatted(s.weight()));
        }
        if (s.has(SampleType.DATA_SRC)) {
            line(text, " . data_src: 0x%x".formatted(s.dataSource()));
        }
        if (s.has(SampleType.PHYS_ADDR)) {
            line(text, " .. phys_addr: 0x%x".formatted(s.physicalAddress()));
        }
        if (s.has(SampleType.TRANSACTION)) {
            line(text, "... transaction: %x".formatted(s.transaction()));
        }
        if (s.has(SampleType.READ)) {
            renderRead(s, attr.readFormat(), text);
        }
    }

    private static void renderRead(SampleCursor s, long format, StringBuilder text) {
        line(text, "... sample_read:");
        if ((format & ReadFormat.TOTAL_TIME_ENABLED) != 0) {
            line(text, "...... time enabled %016x".formatted(s.timeEnabled()));
        }
        if ((format & ReadFormat.TOTAL_TIME_RUNNING) != 0) {
            line(text, "...... time running %016x".formatted(s.timeRunning()));
        }
        if ((format & ReadFormat.GROUP) != 0) {
            line(text, ".... group nr %d".formatted(s.readCount()));
        }
        for (int i = 0; i < s.readCount(); i++) {
            line(
                    text,
                    "..... id %016x, value %016x%s"
                            .formatted(
                                    s.readId(i),
                                    s.readValue(i),
                                    (format & ReadFormat.LOST) != 0 ? ", lost " + s.readLost(i) : ""));
        }
    }

    private static final String[] REGISTERS = {
        "AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP", "IP", "FLAGS", "CS", "SS", "DS", "ES", "FS", "GS", "R8", "R9",
        "R10", "R11", "R12", "R13", "R14", "R15"
    };

    private static String abi(int abi) {
        return abi == PerfRegisters.ABI_32 ? "32-bit" : "64-bit";
    }

    private static void render(PerfRecord record, List<PerfEvent> events, int eventIndex, StringBuilder text) {
        switch (record) {
            case PerfRecord.Mmap r ->
                text.append(" %d/%d: [%s(%s) @ %s]: %s %s"
                        .formatted(
                                r.pid(),
                                r.tid(),
                                hex(r.address()),
                                hex(r.length()),
                                hex(r.fileOffset()),
                                r.isData() ? "r" : "x",
                                r.fileName()));
            case PerfRecord.Mmap2 r ->
                text.append(" %d/%d: [%s(%s) @ %s %s]: %s%s%s%s %s"
                        .formatted(
                                r.pid(),
                                r.tid(),
                                hex(r.address()),
                                hex(r.length()),
                                hex(r.fileOffset()),
                                switch (r.file()) {
                                    case PerfRecord.MappedFile.BuildId id -> "<" + id.hex() + ">";
                                    case PerfRecord.MappedFile.Inode i ->
                                        "%02x:%02x %d %d".formatted(i.major(), i.minor(), i.inode(), i.generation());
                                },
                                (r.protection() & 1) != 0 ? "r" : "-",
                                (r.protection() & 2) != 0 ? "w" : "-",
                                (r.protection() & 4) != 0 ? "x" : "-",
                                (r.flags() & 1) != 0 ? "s" : "p",
                                r.fileName()));
            case PerfRecord.Comm r ->
                text.append("%s: %s:%d/%d".formatted(r.isExec() ? " exec" : "", r.comm(), r.pid(), r.tid()));
            case PerfRecord.Fork r ->
                text.append("(%d:%d):(%d:%d)".formatted(r.pid(), r.tid(), r.parentPid(), r.parentTid()));
            case PerfRecord.Exit r ->
                text.append("(%d:%d):(%d:%d)".formatted(r.pid(), r.tid(), r.parentPid(), r.parentTid()));
            case PerfRecord.Lost r -> text.append(": id:%d: lost:%d".formatted(r.id(), r.lost()));
            case PerfRecord.LostSamples r ->
                text.append(": id:%s: lost samples :%d"
                        .formatted(Long.toUnsignedString(r.sampleId().id()), r.lost()));
            case PerfRecord.Ksymbol r ->
                text.append(" addr %x len %d type %d flags 0x%x name %s"
                        .formatted(r.address(), r.length(), r.symbolType(), r.flags(), r.name()));
            case PerfRecord.BpfEvent r ->
                text.append(" type %d, flags %d, id %d".formatted(r.eventType(), r.flags(), r.id()));
            case PerfRecord.Cgroup r -> text.append(" cgroup: %d %s".formatted(r.id(), r.path()));
            case PerfRecord.Switch r -> text.append(" ").append(inOrOut(r.header(), r.isOut()));
            case PerfRecord.SwitchCpuWide r ->
                text.append(" %s  %s pid/tid: %5d/%-5d"
                        .formatted(
                                inOrOut(r.header(), r.isOut()),
                                r.isOut() ? "next" : "prev",
                                r.nextOrPreviousPid(),
                                r.nextOrPreviousTid()));
            case PerfRecord.Namespaces r -> renderNamespaces(r, text);
            case PerfRecord.CallchainDeferred r -> {
                text.append("(IP, 0x%x): %d/%d: %s"
                        .formatted(
                                r.header().misc(),
                                r.sampleId().pid(),
                                r.sampleId().tid(),
                                hex(r.cookie())));
            }
            case PerfRecord.IdIndex r -> {
                text.append(" nr: ").append(r.entries().size());
                for (PerfRecord.IdIndexEntry e : r.entries()) {
                    line(text, " ... id: %d  idx: %d  cpu: %d  tid: %d".formatted(e.id(), e.index(), e.cpu(), e.tid()));
                }
            }
            case PerfRecord.TimeConversion r -> {
                line(text, "... Time Shift      %d".formatted(r.shift()));
                line(text, "... Time Multiplier %d".formatted(r.multiplier()));
                line(text, "... Time Zero       %s".formatted(Long.toUnsignedString(r.zero())));
            }
            case PerfRecord.Aux r ->
                text.append(" offset: %s size: %s flags: %s"
                        .formatted(hex(r.auxOffset()), hex(r.auxSize()), hex(r.flags())));
            case PerfRecord.ItraceStart r -> text.append(" pid: %d tid: %d".formatted(r.pid(), r.tid()));
            case PerfRecord.AuxOutputHardwareId r -> text.append(" hw_id: ").append(hex(r.hardwareId()));
            case PerfRecord.Throttle r -> {}
            case PerfRecord.Read r -> {
                String event = events.get(eventIndex).name();
                text.append(": %d %d %s %d".formatted(r.pid(), r.tid(), event, r.value()));
                line(text, "... time enabled : ", r.timeEnabled());
                line(text, "... time running : ", r.timeRunning());
                line(text, "... id           : ", r.id());
                line(text, "... lost         : ", r.lost());
            }
            case PerfRecord.TextPoke r -> {}
            case PerfRecord.FinishedRound r -> {}
            case PerfRecord.FinishedInit r -> {}
            case PerfRecord.BuildId r -> {}
            case PerfRecord.ThreadMap r -> {}
            case PerfRecord.Auxtrace r -> {}
            case PerfRecord.Undecoded r -> {}
        }
    }

    private static String inOrOut(PerfRecord.Header header, boolean out) {
        return !out
                ? "IN         "
                : (header.misc() & RecordMisc.SWITCH_OUT_PREEMPT) != 0 ? "OUT preempt" : "OUT        ";
    }

    private static final String[] NAMESPACES = {"net", "uts", "ipc", "pid", "user", "mnt", "cgroup"};

    private static void renderNamespaces(PerfRecord.Namespaces r, StringBuilder text) {
        text.append(" %d/%d - nr_namespaces: %d\n\t\t["
                .formatted(r.pid(), r.tid(), r.namespaces().size()));
        for (int i = 0; i < r.namespaces().size(); i++) {
            PerfRecord.Namespace space = r.namespaces().get(i);
            text.append(i > 0 && i % 4 == 0 ? "\n\t\t " : "");
            text.append("%d/%s: %d/%s".formatted(i, NAMESPACES[i], space.device(), hex(space.inode())));
            text.append(i + 1 < r.namespaces().size() ? ", " : "]");
        }
    }
}
