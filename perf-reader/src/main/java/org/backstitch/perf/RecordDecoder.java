package org.backstitch.perf;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.bytes.Words;
import org.jspecify.annotations.Nullable;

/** Decodes single records into {@link PerfRecord}s. Safe for use by several threads. */
final class RecordDecoder {
    private static final int HEADER_SIZE = SampleLayout.HEADER_SIZE;

    /** The size of a BPF program's tag, in bytes. */
    private static final int BPF_TAG_SIZE = 8;

    private static final int COMM_SIZE = 16;

    private final Bytes bytes;
    private final Words words;
    private final EventTable events;

    RecordDecoder(Bytes bytes, EventTable events) {
        this.bytes = bytes;
        this.words = bytes.words();
        this.events = events;
    }

    /**
     * Decodes the record at {@code offset}.
     *
     * @throws MalformedInputException if it is too short for what it should hold
     */
    PerfRecord decode(long offset) {
        PerfRecord.Header header = header(offset);
        int type = header.type();
        if (type < 0 || type >= RecordType.USER_TYPE_START) {
            return decodeTools(header, body(header, header.size()).cursor(0));
        }
        if (type == RecordType.SAMPLE) {
            return new PerfRecord.Undecoded(header, SampleId.NONE);
        }
        SampleLayout layout = layout(header);
        int bodyEnd = header.size() - (layout == null ? 0 : layout.sampleIdSize);
        if (bodyEnd < HEADER_SIZE) {
            if (!RecordType.isKnown(type)) {
                return new PerfRecord.Undecoded(header, SampleId.NONE);
            }
            throw bytes.malformed(offset, "a " + RecordType.name(type) + " record too short for its sample_id");
        }
        SampleId id = sampleId(layout, offset + header.size());
        return decodeKernels(header, id, layout, body(header, bodyEnd).cursor(0));
    }

    /** Decodes the record at {@code offset} as the late callchain of the RFC of 2017: a count, and so many addresses. */
    PerfRecord.CallchainDeferred rfc2017Callchain(long offset) {
        PerfRecord.Header header = header(offset);
        SampleLayout layout = layout(header);
        int bodyEnd = header.size() - (layout == null ? 0 : layout.sampleIdSize);
        if (bodyEnd < HEADER_SIZE) {
            throw bytes.malformed(offset, "a CALLCHAIN record too short for its sample_id");
        }
        return new PerfRecord.CallchainDeferred(
                header,
                sampleId(layout, offset + header.size()),
                0,
                addresses(body(header, bodyEnd).cursor(0)));
    }

    private PerfRecord.Header header(long offset) {
        int size = bytes.u16(offset + 6);
        if (size < HEADER_SIZE) {
            throw bytes.malformed(offset + 6, "a record of " + size + " bytes");
        }
        bytes.check(offset, size);
        return new PerfRecord.Header(offset, bytes.i32(offset), bytes.u16(offset + 4), size);
    }

    private @Nullable SampleLayout layout(PerfRecord.Header header) {
        return events.layout(events.eventOfOther(words, header.offset(), header.size()));
    }

    private Bytes body(PerfRecord.Header header, int end) {
        return bytes.slice(header.offset() + HEADER_SIZE, end - HEADER_SIZE);
    }

    /** Reads the {@code sample_id} that ends at {@code end}; there is room for it. */
    private SampleId sampleId(@Nullable SampleLayout layout, long end) {
        if (layout == null || layout.sampleIdSize == 0) {
            return SampleId.NONE;
        }
        int tid = layout.tidFromEnd;
        return new SampleId(
                tid == 0 ? -1 : bytes.i32(end - tid),
                tid == 0 ? -1 : bytes.i32(end - tid + 4),
                word(end, layout.timeFromEnd),
                word(end, layout.eventIdFromEnd()),
                word(end, layout.streamIdFromEnd),
                layout.cpuFromEnd == 0 ? -1 : bytes.i32(end - layout.cpuFromEnd));
    }

    private long word(long end, int back) {
        return back == 0 ? -1 : bytes.i64(end - back);
    }

    private static PerfRecord decodeKernels(
            PerfRecord.Header header, SampleId id, @Nullable SampleLayout layout, Cursor in) {
        return switch (header.type()) {
            case RecordType.MMAP ->
                new PerfRecord.Mmap(header, id, in.i32(), in.i32(), in.i64(), in.i64(), in.i64(), string(in));
            case RecordType.MMAP2 ->
                new PerfRecord.Mmap2(
                        header,
                        id,
                        in.i32(),
                        in.i32(),
                        in.i64(),
                        in.i64(),
                        in.i64(),
                        mappedFile(header, in),
                        in.i32(),
                        in.i32(),
                        string(in));
            case RecordType.LOST -> new PerfRecord.Lost(header, id, in.i64(), in.i64());
            case RecordType.LOST_SAMPLES -> new PerfRecord.LostSamples(header, id, in.i64());
            case RecordType.COMM -> new PerfRecord.Comm(header, id, in.i32(), in.i32(), string(in));
            case RecordType.FORK -> new PerfRecord.Fork(header, id, in.i32(), in.i32(), in.i32(), in.i32(), in.i64());
            case RecordType.EXIT -> new PerfRecord.Exit(header, id, in.i32(), in.i32(), in.i32(), in.i32(), in.i64());
            case RecordType.THROTTLE -> new PerfRecord.Throttle(header, id, true, in.i64(), in.i64(), in.i64());
            case RecordType.UNTHROTTLE -> new PerfRecord.Throttle(header, id, false, in.i64(), in.i64(), in.i64());
            case RecordType.READ -> counter(header, id, layout == null ? 0 : layout.readFormat, in);
            case RecordType.AUX -> new PerfRecord.Aux(header, id, in.i64(), in.i64(), in.i64());
            case RecordType.ITRACE_START -> new PerfRecord.ItraceStart(header, id, in.i32(), in.i32());
            case RecordType.AUX_OUTPUT_HW_ID -> new PerfRecord.AuxOutputHardwareId(header, id, in.i64());
            case RecordType.SWITCH -> new PerfRecord.Switch(header, id);
            case RecordType.SWITCH_CPU_WIDE -> new PerfRecord.SwitchCpuWide(header, id, in.i32(), in.i32());
            case RecordType.NAMESPACES -> new PerfRecord.Namespaces(header, id, in.i32(), in.i32(), namespaces(in));
            case RecordType.KSYMBOL ->
                new PerfRecord.Ksymbol(header, id, in.i64(), in.i32(), in.u16(), in.u16(), string(in));
            case RecordType.BPF_EVENT -> new PerfRecord.BpfEvent(header, id, in.u16(), in.u16(), in.i32(), tag(in));
            case RecordType.CGROUP -> new PerfRecord.Cgroup(header, id, in.i64(), string(in));
            case RecordType.TEXT_POKE -> textPoke(header, id, in);
            case RecordType.CALLCHAIN_DEFERRED -> new PerfRecord.CallchainDeferred(header, id, in.i64(), addresses(in));
            default -> new PerfRecord.Undecoded(header, id);
        };
    }

    private static PerfRecord decodeTools(PerfRecord.Header header, Cursor in) {
        return switch (header.type()) {
            case RecordType.FINISHED_ROUND -> new PerfRecord.FinishedRound(header);
            case RecordType.FINISHED_INIT -> new PerfRecord.FinishedInit(header);
            case RecordType.HEADER_BUILD_ID ->
                new PerfRecord.BuildId(header, PerfFeatures.buildId(in.bytes().cursor(0), header.misc()));
            case RecordType.ID_INDEX -> new PerfRecord.IdIndex(header, idIndex(in));
            case RecordType.THREAD_MAP -> new PerfRecord.ThreadMap(header, threads(in));
            case RecordType.TIME_CONV -> new PerfRecord.TimeConversion(header, in.i64(), in.i64(), in.i64());
            case RecordType.AUXTRACE ->
                new PerfRecord.Auxtrace(header, in.i64(), in.i64(), in.i64(), in.i32(), in.i32(), in.i32());
            default -> new PerfRecord.Undecoded(header, SampleId.NONE);
        };
    }

    /** The text up to the first NUL in the rest of the record. */
    private static String string(Cursor in) {
        Bytes rest = in.slice(in.remaining());
        return rest.paddedString(0, rest.size());
    }

    private static PerfRecord.MappedFile mappedFile(PerfRecord.Header header, Cursor in) {
        Bytes union = in.slice(24);
        if ((header.misc() & RecordMisc.MMAP_BUILD_ID) == 0) {
            return new PerfRecord.MappedFile.Inode(union.i32(0), union.i32(4), union.i64(8), union.i64(16));
        }
        int size = union.u8(0);
        if (size > 20) {
            throw union.malformed(0, "a build id of " + size + " bytes");
        }
        return new PerfRecord.MappedFile.BuildId(HexFormat.of().formatHex(union.copy(4, size)));
    }

    private static PerfRecord counter(PerfRecord.Header header, SampleId id, long format, Cursor in) {
        return new PerfRecord.Read(
                header,
                id,
                in.i32(),
                in.i32(),
                in.i64(),
                (format & ReadFormat.TOTAL_TIME_ENABLED) != 0 ? in.i64() : -1,
                (format & ReadFormat.TOTAL_TIME_RUNNING) != 0 ? in.i64() : -1,
                (format & ReadFormat.ID) != 0 ? in.i64() : -1,
                (format & ReadFormat.LOST) != 0 ? in.i64() : -1);
    }

    private static List<PerfRecord.Namespace> namespaces(Cursor in) {
        long count = count(in, 16);
        List<PerfRecord.Namespace> namespaces = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            namespaces.add(new PerfRecord.Namespace(in.i64(), in.i64()));
        }
        return namespaces;
    }

    /** A count of elements of {@code each} bytes, all of which are there. */
    private static long count(Cursor in, int each) {
        long at = in.position();
        long count = in.i64();
        if (count < 0 || count > in.remaining() / each) {
            throw in.bytes()
                    .malformed(at, Long.toUnsignedString(count) + " elements where " + in.remaining() / each + " fit");
        }
        return count;
    }

    private static String tag(Cursor in) {
        return HexFormat.of().formatHex(in.slice(BPF_TAG_SIZE).copy(0, BPF_TAG_SIZE));
    }

    private static PerfRecord textPoke(PerfRecord.Header header, SampleId id, Cursor in) {
        long address = in.i64();
        int oldLength = in.u16();
        int newLength = in.u16();
        byte[] oldBytes = in.slice(oldLength).copy(0, oldLength);
        byte[] newBytes = in.slice(newLength).copy(0, newLength);
        return new PerfRecord.TextPoke(header, id, address, oldBytes, newBytes);
    }

    private static long[] addresses(Cursor in) {
        long[] addresses = new long[(int) count(in, 8)];
        for (int i = 0; i < addresses.length; i++) {
            addresses[i] = in.i64();
        }
        return addresses;
    }

    private static List<PerfRecord.IdIndexEntry> idIndex(Cursor in) {
        long count = count(in, 32);
        List<PerfRecord.IdIndexEntry> entries = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            entries.add(new PerfRecord.IdIndexEntry(in.i64(), in.i64(), in.i64(), in.i64()));
        }
        return entries;
    }

    private static List<PerfRecord.NamedThread> threads(Cursor in) {
        long count = count(in, 8 + COMM_SIZE);
        List<PerfRecord.NamedThread> threads = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            threads.add(new PerfRecord.NamedThread(in.i64(), in.slice(COMM_SIZE).paddedString(0, COMM_SIZE)));
        }
        return threads;
    }
}
