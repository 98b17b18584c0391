package org.backstitch.perf;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.SortedMap;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.backstitch.bytes.MalformedInputException;
import org.jspecify.annotations.Nullable;

/**
 * What a recording says about the machine and the way in which it was made: the feature sections behind the data, or the records that
 * stand for them in pipe mode (tools/perf/util/header.c).
 *
 * <p>Each section is read when the recording is opened; one that is damaged counts as an anomaly and is then as if it were not there.
 * {@link #section} has every section as it lies in the file, those that this class has no name for as well.
 *
 * <p>Immutable, and safe for use by several threads.
 */
public final class PerfFeatures {
    /** The numbers of the sections: {@code HEADER_*}. */
    public static final int TRACING_DATA = 1;

    public static final int BUILD_ID = 2;
    public static final int HOSTNAME = 3;
    public static final int OSRELEASE = 4;
    public static final int VERSION = 5;
    public static final int ARCH = 6;
    public static final int NRCPUS = 7;
    public static final int CPUDESC = 8;
    public static final int CPUID = 9;
    public static final int TOTAL_MEM = 10;
    public static final int CMDLINE = 11;
    public static final int EVENT_DESC = 12;
    public static final int CPU_TOPOLOGY = 13;
    public static final int NUMA_TOPOLOGY = 14;
    public static final int BRANCH_STACK = 15;
    public static final int PMU_MAPPINGS = 16;
    public static final int GROUP_DESC = 17;
    public static final int AUXTRACE = 18;
    public static final int STAT = 19;
    public static final int CACHE = 20;
    public static final int SAMPLE_TIME = 21;
    public static final int MEM_TOPOLOGY = 22;
    public static final int CLOCKID = 23;
    public static final int DIR_FORMAT = 24;
    public static final int BPF_PROG_INFO = 25;
    public static final int BPF_BTF = 26;
    public static final int COMPRESSED = 27;
    public static final int CPU_PMU_CAPS = 28;
    public static final int CLOCK_DATA = 29;
    public static final int HYBRID_TOPOLOGY = 30;
    public static final int PMU_CAPS = 31;

    /** The most bytes that a build id has in a recording, and the size of its field. */
    private static final int MAX_BUILD_ID = 20;

    private static final int BUILD_ID_FIELD = 24;

    /**
     * The times of the first and the last sample, in nanoseconds.
     *
     * @param first unsigned
     * @param last unsigned
     */
    public record SampleTime(long first, long last) {}

    /**
     * How the recording's clock relates to the time of day: one moment, read from both.
     *
     * @param clockId the clock of the recording, as for {@code clock_gettime(2)}
     * @param timeOfDay since 1970, in nanoseconds
     * @param clockTime in nanoseconds of the recording's clock
     */
    public record ClockData(int clockId, long timeOfDay, long clockTime) {}

    /**
     * How the records were compressed.
     *
     * @param type 1 for zstd
     * @param level of the compression
     * @param ratio that was reached: how many bytes one byte holds, rounded
     * @param bufferSize the largest number of bytes that was compressed at once
     */
    public record Compression(int type, int level, int ratio, long bufferSize) {}

    /**
     * Events that were counted together.
     *
     * @param name as given; {@code {anon_group}} if none was
     * @param leader the index of the first event of the group
     * @param size how many events it has, the leader included
     */
    public record Group(String name, int leader, int size) {}

    /**
     * The number of CPUs.
     *
     * @param available those that may come online
     * @param online those that were
     */
    public record CpuCount(long available, long online) {}

    private final NavigableMap<Integer, Bytes> sections;
    private final List<BuildIdEntry> buildIds;
    private final List<EventDescription> eventDescriptions;
    private final List<String> commandLine;
    private final List<Group> groups;
    private final SortedMap<Integer, String> pmuNames;
    private final Map<Integer, String> texts;
    private final @Nullable CpuCount cpuCount;
    private final @Nullable Long totalMemory;
    private final @Nullable SampleTime sampleTime;
    private final @Nullable Long clockResolution;
    private final @Nullable ClockData clockData;
    private final @Nullable Compression compression;

    /**
     * @param sections by number
     * @param recordedBuildIds those that came as records, as in pipe mode
     */
    PerfFeatures(NavigableMap<Integer, Bytes> sections, List<BuildIdEntry> recordedBuildIds, Anomalies anomalies) {
        this.sections = Collections.unmodifiableNavigableMap(new TreeMap<>(sections));
        Sections read = new Sections(this.sections, anomalies);
        List<BuildIdEntry> ids = new ArrayList<>(read.section(BUILD_ID, PerfFeatures::buildIds, List.of()));
        ids.addAll(recordedBuildIds);
        buildIds = List.copyOf(ids);
        eventDescriptions = read.section(EVENT_DESC, PerfFeatures::eventDescriptions, List.of());
        commandLine = read.section(CMDLINE, PerfFeatures::strings, List.of());
        groups = read.section(GROUP_DESC, PerfFeatures::groups, List.of());
        pmuNames =
                Collections.unmodifiableSortedMap(read.section(PMU_MAPPINGS, PerfFeatures::pmuNames, new TreeMap<>()));
        texts = new TreeMap<>();
        for (int feature : new int[] {HOSTNAME, OSRELEASE, VERSION, ARCH, CPUDESC, CPUID}) {
            String text = read.optional(feature, PerfFeatures::string);
            if (text != null) {
                texts.put(feature, text);
            }
        }
        cpuCount = read.optional(NRCPUS, c -> new CpuCount(c.u32(), c.u32()));
        totalMemory = read.optional(TOTAL_MEM, Cursor::i64);
        sampleTime = read.optional(SAMPLE_TIME, c -> new SampleTime(c.i64(), c.i64()));
        clockResolution = read.optional(CLOCKID, Cursor::i64);
        clockData = read.optional(CLOCK_DATA, PerfFeatures::clockData);
        compression = read.optional(COMPRESSED, PerfFeatures::compression);
    }

    /** Reads sections one by one, and keeps account of those that are damaged. */
    private record Sections(NavigableMap<Integer, Bytes> sections, Anomalies anomalies) {
        interface Reader<T> {
            T read(Cursor cursor);
        }

        <T> @Nullable T optional(int feature, Reader<T> reader) {
            Bytes section = sections.get(feature);
            if (section == null) {
                return null;
            }
            try {
                return reader.read(section.cursor(0));
            } catch (MalformedInputException e) {
                anomalies.add(Anomalies.Kind.BAD_FEATURE, e.offset(), "feature section " + feature + ": " + e.reason());
                return null;
            }
        }

        <T> T section(int feature, Reader<T> reader, T otherwise) {
            T value = optional(feature, reader);
            return value == null ? otherwise : value;
        }
    }

    /** A {@code struct perf_header_string}: the size of its field, and the text up to the first NUL in it. */
    private static String string(Cursor cursor) {
        return text(cursor.slice(cursor.u32()));
    }

    private static String text(Bytes field) {
        return field.paddedString(0, field.size());
    }

    private static List<String> strings(Cursor cursor) {
        long count = cursor.u32();
        List<String> strings = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            strings.add(string(cursor));
        }
        return List.copyOf(strings);
    }

    /** The records of build ids. Those of before Linux 2.6.34 have no pid: then the kernel's name lacks its first four letters. */
    private static List<BuildIdEntry> buildIds(Cursor cursor) {
        List<BuildIdEntry> entries = new ArrayList<>();
        boolean withPid = true;
        long start = cursor.position();
        while (cursor.hasRemaining()) {
            Bytes record = nextRecord(cursor);
            Cursor body = record.cursor(SampleLayout.HEADER_SIZE);
            int misc = record.u16(4);
            BuildIdEntry entry = withPid ? buildId(body, misc) : oldBuildId(body, misc);
            if (withPid && entry.fileName().startsWith("nel.kallsyms]")) {
                withPid = false;
                entries.clear();
                cursor.position(start);
                continue;
            }
            entries.add(entry);
        }
        return List.copyOf(entries);
    }

    private static Bytes nextRecord(Cursor cursor) {
        Bytes bytes = cursor.bytes();
        int size = bytes.u16(cursor.position() + 6);
        if (size < SampleLayout.HEADER_SIZE) {
            throw bytes.malformed(cursor.position() + 6, "a record of " + size + " bytes");
        }
        return cursor.slice(size);
    }

    /** Reads what follows the header in a {@code struct perf_record_header_build_id}. */
    static BuildIdEntry buildId(Cursor body, int misc) {
        int pid = body.i32();
        Bytes field = body.slice(BUILD_ID_FIELD);
        int size = (misc & RecordMisc.BUILD_ID_SIZE) != 0 ? field.u8(MAX_BUILD_ID) : MAX_BUILD_ID;
        if (size > MAX_BUILD_ID) {
            throw field.malformed(MAX_BUILD_ID, "a build id of " + size + " bytes");
        }
        return new BuildIdEntry(rest(body), hex(field, size), pid, misc & RecordMisc.CPU_MODE_MASK);
    }

    private static BuildIdEntry oldBuildId(Cursor body, int misc) {
        int cpuMode = misc & RecordMisc.CPU_MODE_MASK;
        boolean guest = cpuMode == RecordMisc.CPU_MODE_GUEST_KERNEL || cpuMode == RecordMisc.CPU_MODE_GUEST_USER;
        Bytes field = body.slice(BUILD_ID_FIELD);
        return new BuildIdEntry(rest(body), hex(field, MAX_BUILD_ID), guest ? 0 : -1, cpuMode);
    }

    private static String hex(Bytes field, int size) {
        return HexFormat.of().formatHex(field.copy(0, size));
    }

    private static String rest(Cursor cursor) {
        return text(cursor.slice(cursor.remaining()));
    }

    private static List<EventDescription> eventDescriptions(Cursor cursor) {
        long count = cursor.u32();
        long attrSize = cursor.u32();
        List<EventDescription> events = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            PerfEventAttr attr = PerfEventAttr.read(cursor.slice(attrSize));
            long ids = cursor.u32();
            String name = string(cursor);
            events.add(new EventDescription(attr, FileHeader.ids(cursor.slice(8 * ids), 0), name));
        }
        return List.copyOf(events);
    }

    private static List<Group> groups(Cursor cursor) {
        long count = cursor.u32();
        List<Group> groups = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            groups.add(new Group(string(cursor), cursor.i32(), cursor.i32()));
        }
        return List.copyOf(groups);
    }

    private static SortedMap<Integer, String> pmuNames(Cursor cursor) {
        long count = cursor.u32();
        SortedMap<Integer, String> names = new TreeMap<>();
        for (long i = 0; i < count; i++) {
            names.put(cursor.i32(), string(cursor));
        }
        return names;
    }

    private static ClockData clockData(Cursor cursor) {
        long version = cursor.u32();
        if (version != 1) {
            throw cursor.bytes().malformed(0, "clock data of version " + version);
        }
        return new ClockData(cursor.i32(), cursor.i64(), cursor.i64());
    }

    private static Compression compression(Cursor cursor) {
        cursor.skip(4); // Its version: 1, and whatever it is, these fields were in the first one.
        return new Compression(cursor.i32(), cursor.i32(), cursor.i32(), cursor.u32());
    }

    /** The numbers of the sections that the recording has. */
    public List<Integer> numbers() {
        return List.copyOf(sections.keySet());
    }

    /** A section as it lies in the file; null if the recording does not have it. */
    public @Nullable Bytes section(int number) {
        return sections.get(number);
    }

    /** The build ids of the files that were hit, as far as the perf tool could read them. */
    public List<BuildIdEntry> buildIds() {
        return buildIds;
    }

    /** The events with their names. */
    List<EventDescription> eventDescriptions() {
        return eventDescriptions;
    }

    /** The command that made the recording, its path first; empty if it is not known. */
    public List<String> commandLine() {
        return commandLine;
    }

    /** The groups of events. */
    public List<Group> groups() {
        return groups;
    }

    /** The names of the PMUs by the {@link PerfEventAttr#type} that stands for them. */
    public SortedMap<Integer, String> pmuNames() {
        return pmuNames;
    }

    /** The name of the machine ({@code uname -n}). */
    public @Nullable String hostName() {
        return texts.get(HOSTNAME);
    }

    /** The release of the kernel ({@code uname -r}). */
    public @Nullable String osRelease() {
        return texts.get(OSRELEASE);
    }

    /** The version of the perf tool. */
    public @Nullable String perfVersion() {
        return texts.get(VERSION);
    }

    /** The architecture ({@code uname -m}): {@code x86_64}. */
    public @Nullable String architecture() {
        return texts.get(ARCH);
    }

    /** The CPU's model name. */
    public @Nullable String cpuDescription() {
        return texts.get(CPUDESC);
    }

    /** Vendor, family, model and stepping. */
    public @Nullable String cpuId() {
        return texts.get(CPUID);
    }

    /** The number of CPUs. */
    public @Nullable CpuCount cpuCount() {
        return cpuCount;
    }

    /** The memory of the machine, in KiB. */
    public @Nullable Long totalMemory() {
        return totalMemory;
    }

    /** The times of the first and the last sample. */
    public @Nullable SampleTime sampleTime() {
        return sampleTime;
    }

    /** The resolution of the clock that was asked for by its id, in nanoseconds. */
    public @Nullable Long clockResolution() {
        return clockResolution;
    }

    /** How the recording's clock relates to the time of day. */
    public @Nullable ClockData clockData() {
        return clockData;
    }

    /** How the records were compressed; null if they were not. */
    public @Nullable Compression compression() {
        return compression;
    }
}
