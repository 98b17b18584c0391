package org.backstitch.perf;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;

/**
 * Writes a perf.data file in file mode, record by record, in bounded memory.
 *
 * <p>The order of the calls is the order of the records. Until {@link #close} the file looks like that of a recording that was
 * killed: readable, but without its size and its features.
 *
 * {@snippet :
 * try (PerfFile in = PerfFile.open(Path.of("perf.data"));
 *         PerfWriter out = PerfWriter.create(Path.of("out.data"), in.events())) {
 *     out.features(in.features());
 *     for (RecordCursor record = in.records(); record.next(); ) {
 *         out.copy(in, record);
 *     }
 * }
 * }
 *
 * <p>Not safe for use by several threads.
 */
public final class PerfWriter implements AutoCloseable {
    /** The most bytes that a record can have: its size has 16 bits, and records of the kernel are multiples of eight bytes. */
    public static final int MAX_RECORD_SIZE = 0xfff8;

    private static final int BUFFER_SIZE = 1 << 20;
    private static final int SECTION_SIZE = 16;

    /** perf pads the strings in its feature sections to this size. */
    private static final int STRING_ALIGNMENT = 64;

    /**
     * The fields behind those with fixed places, in their order. (The two kinds of weight are one field, and AUX comes last: see
     * {@link SampleType}.)
     */
    private static final long[] PARTS = {
        SampleType.READ,
        SampleType.CALLCHAIN,
        SampleType.RAW,
        SampleType.BRANCH_STACK,
        SampleType.REGS_USER,
        SampleType.STACK_USER,
        SampleType.WEIGHT,
        SampleType.WEIGHT_STRUCT,
        SampleType.DATA_SRC,
        SampleType.TRANSACTION,
        SampleType.REGS_INTR,
        SampleType.PHYS_ADDR,
        SampleType.CGROUP,
        SampleType.DATA_PAGE_SIZE,
        SampleType.CODE_PAGE_SIZE,
        SampleType.AUX
    };

    private static final long[] FIXED = {
        SampleType.IDENTIFIER,
        SampleType.IP,
        SampleType.TID,
        SampleType.TIME,
        SampleType.ADDR,
        SampleType.ID,
        SampleType.STREAM_ID,
        SampleType.CPU,
        SampleType.PERIOD
    };

    private final FileChannel channel;
    private final List<PerfEvent> events;
    private final EventTable table;
    private final NavigableMap<Integer, Bytes> features = new TreeMap<>();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    private final MemorySegment bufferSegment = MemorySegment.ofBuffer(buffer);

    private final int attrSize;
    private final long attrsStart;
    private final long dataStart;

    /** Where the record that is being written starts in the buffer. */
    private int recordStart;

    private PerfWriter(FileChannel channel, List<PerfEvent> events) throws IOException {
        this.channel = channel;
        this.events = List.copyOf(events);
        this.table = new EventTable(events);
        int size = PerfEventAttr.SIZE_VER0;
        long ids = 0;
        for (PerfEvent event : events) {
            size = Math.max(size, event.attr().size());
            ids += event.idCount();
        }
        attrSize = size;
        attrsStart = FileHeader.SIZE + 8 * ids;
        dataStart = attrsStart + (long) (attrSize + SECTION_SIZE) * events.size();
        writeHeader(0, new TreeMap<>());
        writeEvents();
    }

    /**
     * Creates a file, or empties it.
     *
     * @param events of the recording, at least one; a record's event is the one whose ids hold the record's id
     * @throws IOException if the file cannot be written
     */
    public static PerfWriter create(Path file, List<PerfEvent> events) throws IOException {
        if (events.isEmpty()) {
            throw new IllegalArgumentException("a recording needs an event");
        }
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.WRITE, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING);
        try {
            return new PerfWriter(channel, events);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private void writeHeader(long dataSize, NavigableMap<Integer, Bytes> sections) throws IOException {
        long[] bits = new long[4];
        for (int feature : sections.keySet()) {
            bits[feature / 64] |= 1L << feature % 64;
        }
        buffer.putLong(FileHeader.MAGIC);
        buffer.putLong(FileHeader.SIZE);
        buffer.putLong(attrSize + SECTION_SIZE);
        buffer.putLong(attrsStart);
        buffer.putLong((long) (attrSize + SECTION_SIZE) * events.size());
        buffer.putLong(dataStart);
        buffer.putLong(dataSize);
        buffer.putLong(0); // The list of event types, which nobody has read since Linux 2.6.38.
        buffer.putLong(0);
        for (long word : bits) {
            buffer.putLong(word);
        }
    }

    private void writeEvents() throws IOException {
        for (PerfEvent event : events) {
            for (long id : event.ids()) {
                ensure(8);
                buffer.putLong(id);
            }
        }
        long idsStart = FileHeader.SIZE;
        for (PerfEvent event : events) {
            ensure(attrSize + SECTION_SIZE);
            buffer.put(event.attr().withSizeOfAtLeast(attrSize).toByteArray());
            buffer.putLong(idsStart);
            buffer.putLong(8L * event.idCount());
            idsStart += 8L * event.idCount();
        }
    }

    /** Makes room for {@code size} bytes in the buffer. */
    private void ensure(int size) throws IOException {
        if (buffer.remaining() < size) {
            flush();
        }
    }

    private void flush() throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        buffer.clear();
    }

    /**
     * Takes over what another recording says about its machine. Left out is what would not be true any more: the list of events is
     * that of this file, the records are not compressed, hardware traces lie elsewhere.
     *
     * @param from of a recording that stays open until this writer is closed, which is when the sections are copied
     */
    public void features(PerfFeatures from) {
        for (int number : from.numbers()) {
            Bytes section = from.section(number);
            if (section == null) {
                continue;
            }
            switch (number) {
                case PerfFeatures.EVENT_DESC,
                        PerfFeatures.BUILD_ID,
                        PerfFeatures.COMPRESSED,
                        PerfFeatures.AUXTRACE,
                        PerfFeatures.STAT,
                        PerfFeatures.DIR_FORMAT -> {}
                default -> features.put(number, section);
            }
        }
        buildIds(from.buildIds());
    }

    /**
     * Sets a feature section.
     *
     * @param number see {@link PerfFeatures}; 1 to 255
     * @param section its content
     */
    public void feature(int number, byte[] section) {
        if (number < 1 || number >= FileHeader.FEATURE_BITS) {
            throw new IllegalArgumentException("no feature has the number " + number);
        }
        features.put(number, Bytes.of(section.clone(), "feature " + number));
    }

    /** Sets a feature section that is one string: {@link PerfFeatures#HOSTNAME} and others. */
    public void feature(int number, String text) {
        ByteBuffer section = growable(text.length() * 3 + 2 * STRING_ALIGNMENT);
        putString(section, text);
        feature(number, content(section));
    }

    /** Sets the number of CPUs: {@link PerfFeatures#NRCPUS}. */
    public void cpuCount(int available, int online) {
        ByteBuffer section = growable(8);
        section.putInt(available).putInt(online);
        feature(PerfFeatures.NRCPUS, content(section));
    }

    /** Sets the command line: {@link PerfFeatures#CMDLINE}. */
    public void commandLine(List<String> words) {
        int size = 4;
        for (String word : words) {
            size += word.length() * 3 + 2 * STRING_ALIGNMENT;
        }
        ByteBuffer section = growable(size);
        section.putInt(words.size());
        for (String word : words) {
            putString(section, word);
        }
        feature(PerfFeatures.CMDLINE, content(section));
    }

    /** Sets the build ids: {@link PerfFeatures#BUILD_ID}. */
    public void buildIds(List<BuildIdEntry> entries) {
        if (entries.isEmpty()) {
            features.remove(PerfFeatures.BUILD_ID);
            return;
        }
        List<byte[]> records = new ArrayList<>();
        int size = 0;
        for (BuildIdEntry entry : entries) {
            byte[] record = buildIdRecord(entry);
            records.add(record);
            size += record.length;
        }
        ByteBuffer section = growable(size);
        records.forEach(section::put);
        feature(PerfFeatures.BUILD_ID, content(section));
    }

    private static byte[] buildIdRecord(BuildIdEntry entry) {
        byte[] name = entry.fileName().getBytes(StandardCharsets.UTF_8);
        byte[] id = HexFormat.of().parseHex(entry.buildId());
        if (id.length > 20) {
            throw new IllegalArgumentException("a build id of " + id.length + " bytes");
        }
        int size = align(8 + 4 + 24 + name.length + 1, 8);
        ByteBuffer record = growable(size);
        record.putInt(RecordType.HEADER_BUILD_ID);
        record.putShort((short) (entry.cpuMode() | RecordMisc.BUILD_ID_SIZE));
        record.putShort((short) size);
        record.putInt(entry.pid());
        record.put(id);
        record.put(32, (byte) id.length);
        record.put(36, name);
        record.position(size);
        return content(record);
    }

    private static ByteBuffer growable(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] content(ByteBuffer section) {
        byte[] content = new byte[section.position()];
        section.get(0, content);
        return content;
    }

    private static int align(int size, int alignment) {
        return (size + alignment - 1) / alignment * alignment;
    }

    private static void putString(ByteBuffer section, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int size = align(bytes.length + 1, STRING_ALIGNMENT);
        section.putInt(size);
        section.put(bytes);
        section.position(section.position() + size - bytes.length);
    }

    private byte[] eventDescriptions() {
        int size = 8;
        for (PerfEvent event : events) {
            size += attrSize + 8 + event.name().length() * 3 + 2 * STRING_ALIGNMENT + 8 * event.idCount();
        }
        ByteBuffer section = growable(size);
        section.putInt(events.size());
        section.putInt(attrSize);
        for (PerfEvent event : events) {
            section.put(event.attr().withSizeOfAtLeast(attrSize).toByteArray());
            section.putInt(event.idCount());
            putString(section, event.name());
            for (long id : event.ids()) {
                section.putLong(id);
            }
        }
        return content(section);
    }

    /**
     * Copies a record as it is, with the data that follow it. Records that say in pipe mode what a file says in its header are left
     * out; {@link #features} and the events have it.
     *
     * @param source the recording that {@code record} walks over; the fields of the {@link SampleId} of its events must be those of
     *     this file's events, and those of its samples, where it is one
     */
    public void copy(PerfFile source, RecordCursor record) throws IOException {
        switch (record.type()) {
            case RecordType.HEADER_ATTR,
                    RecordType.HEADER_EVENT_TYPE,
                    RecordType.HEADER_TRACING_DATA,
                    RecordType.HEADER_BUILD_ID,
                    RecordType.HEADER_FEATURE,
                    RecordType.COMPRESSED,
                    RecordType.COMPRESSED2 -> {}
            default -> put(source.bytes().segment(), record.offset(), record.nextOffset());
        }
    }

    /** Writes bytes that may be more than the buffer holds. */
    private void put(MemorySegment segment, long start, long end) throws IOException {
        for (long at = start; at < end; ) {
            ensure(1);
            int length = (int) Math.min(end - at, buffer.remaining());
            MemorySegment.copy(segment, at, bufferSegment, buffer.position(), length);
            buffer.position(buffer.position() + length);
            at += length;
        }
    }

    /**
     * Writes a sample again, with another callchain and the fields that this file's event asks for: those that it does not ask for
     * are left out, all others are as they were.
     *
     * @param source the recording of {@code sample}
     * @param sample on the sample; its event has the same index in this file. Of the fields that this file's event asks for, the
     *     sample must have all but {@link SampleType#CALLCHAIN}, for the same registers
     * @param chain the callchain, innermost first, with its markers ({@link CallchainContext})
     * @param length how many words of it
     * @return how many words were written: fewer if the record would be too long for its size field
     */
    public int sample(PerfFile source, SampleCursor sample, long[] chain, int length) throws IOException {
        SampleLayout layout = table.layout(sample.eventIndex());
        if (layout == null) {
            throw new IllegalArgumentException("a sample of an event that this file does not have");
        }
        MemorySegment segment = source.bytes().segment();
        begin(RecordType.SAMPLE, sample.misc());
        for (long field : FIXED) {
            if ((layout.sampleType & field) != 0) {
                long at = sample.fixedStart(field);
                if (at < 0) {
                    throw new IllegalArgumentException("the sample lacks the field 0x" + Long.toHexString(field));
                }
                buffer.putLong(segment.get(Words.LONG, at));
            }
        }
        int room = MAX_RECORD_SIZE - (buffer.position() - recordStart);
        for (long part : PARTS) {
            if (part != SampleType.CALLCHAIN && (layout.sampleType & part) != 0) {
                room -= (int) (sample.partEnd(part) - sample.partStart(part));
            }
        }
        int words = Math.max(0, Math.min(length, (room - 8) / 8));
        for (long part : PARTS) {
            if ((layout.sampleType & part) == 0) {
                continue;
            }
            if (part == SampleType.CALLCHAIN) {
                putWords(chain, words);
            } else {
                put(segment, sample.partStart(part), sample.partEnd(part));
            }
        }
        end();
        return (layout.sampleType & SampleType.CALLCHAIN) != 0 ? words : 0;
    }

    private void putWords(long[] words, int count) {
        buffer.putLong(count);
        for (int i = 0; i < count; i++) {
            buffer.putLong(words[i]);
        }
    }

    /** Starts a record; the buffer has room for the largest. */
    private void begin(int type, int misc) throws IOException {
        ensure(2 * MAX_RECORD_SIZE);
        recordStart = buffer.position();
        buffer.putInt(type);
        buffer.putShort((short) misc);
        buffer.putShort((short) 0);
    }

    /** Pads the record to eight bytes, and fills its size in. */
    private void end() {
        pad();
        int size = buffer.position() - recordStart;
        if (size > MAX_RECORD_SIZE) {
            buffer.position(recordStart);
            throw new IllegalArgumentException("a record of " + size + " bytes");
        }
        buffer.putShort(recordStart + 6, (short) size);
    }

    private void pad() {
        while ((buffer.position() - recordStart) % 8 != 0) {
            buffer.put((byte) 0);
        }
    }

    /** Ends a record of the kernel with its {@code sample_id}. */
    private void end(SampleId id) {
        pad();
        int event = events.size() == 1 || id.id() <= 0 ? 0 : table.eventOfId(id.id());
        SampleLayout layout = table.layout(event);
        if (layout == null) {
            throw new IllegalArgumentException("a record of an event that this file does not have");
        }
        int position = buffer.position() + layout.sampleIdSize;
        putBack(position, layout.tidFromEnd, (id.pid() & 0xffff_ffffL) | (long) id.tid() << 32);
        putBack(position, layout.timeFromEnd, id.time());
        putBack(position, layout.idFromEnd, id.id());
        putBack(position, layout.streamIdFromEnd, id.streamId());
        putBack(position, layout.cpuFromEnd, id.cpu() & 0xffff_ffffL);
        putBack(position, layout.identifierFromEnd, id.id());
        buffer.position(position);
        end();
    }

    private void putBack(int end, int fromEnd, long value) {
        if (fromEnd != 0) {
            buffer.putLong(end - fromEnd, value);
        }
    }

    private void text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > MAX_RECORD_SIZE / 2) {
            throw new IllegalArgumentException("a name of " + bytes.length + " bytes");
        }
        buffer.put(bytes);
        buffer.put((byte) 0);
        pad();
    }

    /** Writes a mapping with what identifies its file: {@link PerfRecord.Mmap2}. */
    public void mmap2(
            int cpuMode,
            SampleId id,
            int pid,
            int tid,
            long address,
            long length,
            long fileOffset,
            PerfRecord.MappedFile file,
            int protection,
            int flags,
            String fileName)
            throws IOException {
        begin(
                RecordType.MMAP2,
                cpuMode | (file instanceof PerfRecord.MappedFile.BuildId ? RecordMisc.MMAP_BUILD_ID : 0));
        buffer.putInt(pid).putInt(tid).putLong(address).putLong(length).putLong(fileOffset);
        switch (file) {
            case PerfRecord.MappedFile.Inode inode ->
                buffer.putInt(inode.major())
                        .putInt(inode.minor())
                        .putLong(inode.inode())
                        .putLong(inode.generation());
            case PerfRecord.MappedFile.BuildId buildId -> {
                byte[] bytes = HexFormat.of().parseHex(buildId.hex());
                if (bytes.length > 20) {
                    throw new IllegalArgumentException("a build id of " + bytes.length + " bytes");
                }
                buffer.put((byte) bytes.length).put(new byte[3]).put(bytes).put(new byte[20 - bytes.length]);
            }
        }
        buffer.putInt(protection).putInt(flags);
        text(fileName);
        end(id);
    }

    /** Writes a thread's name: {@link PerfRecord.Comm}. */
    public void comm(SampleId id, int pid, int tid, String comm, boolean exec) throws IOException {
        begin(RecordType.COMM, exec ? RecordMisc.COMM_EXEC : 0);
        buffer.putInt(pid).putInt(tid);
        text(comm);
        end(id);
    }

    /** Writes the start of a thread or process: {@link PerfRecord.Fork}. */
    public void fork(SampleId id, int pid, int parentPid, int tid, int parentTid, long time) throws IOException {
        task(RecordType.FORK, id, pid, parentPid, tid, parentTid, time);
    }

    /** Writes the end of a thread: {@link PerfRecord.Exit}. */
    public void exit(SampleId id, int pid, int parentPid, int tid, int parentTid, long time) throws IOException {
        task(RecordType.EXIT, id, pid, parentPid, tid, parentTid, time);
    }

    private void task(int type, SampleId id, int pid, int parentPid, int tid, int parentTid, long time)
            throws IOException {
        begin(type, 0);
        buffer.putInt(pid).putInt(parentPid).putInt(tid).putInt(parentTid).putLong(time);
        end(id);
    }

    /** Writes that records were lost: {@link PerfRecord.Lost}. */
    public void lost(SampleId id, long eventId, long lost) throws IOException {
        begin(RecordType.LOST, 0);
        buffer.putLong(eventId).putLong(lost);
        end(id);
    }

    /** Writes a context switch: {@link PerfRecord.Switch}. */
    public void contextSwitch(SampleId id, boolean out, boolean preempted) throws IOException {
        begin(RecordType.SWITCH, (out ? RecordMisc.SWITCH_OUT : 0) | (preempted ? RecordMisc.SWITCH_OUT_PREEMPT : 0));
        end(id);
    }

    /**
     * Writes a callchain that was taken late: {@link PerfRecord.CallchainDeferred}.
     *
     * @param addresses innermost first, without markers
     * @param length how many of them
     */
    public void callchainDeferred(SampleId id, long cookie, long[] addresses, int length) throws IOException {
        checkChain(length);
        begin(RecordType.CALLCHAIN_DEFERRED, RecordMisc.CPU_MODE_USER);
        buffer.putLong(cookie);
        putWords(addresses, length);
        end(id);
    }

    /**
     * Writes a callchain that was taken late, as the RFC of 2017 has it: type 17, and no cookie.
     *
     * @param addresses innermost first, without markers
     * @param length how many of them
     */
    public void rfc2017Callchain(SampleId id, long[] addresses, int length) throws IOException {
        checkChain(length);
        begin(RecordType.KSYMBOL, RecordMisc.CPU_MODE_USER);
        putWords(addresses, length);
        end(id);
    }

    private static void checkChain(int length) {
        if (length > MAX_RECORD_SIZE / 8 - 9) {
            throw new IllegalArgumentException("a callchain of " + length + " addresses");
        }
    }

    /** Writes that no record behind this one is older than any record before the previous one of these. */
    public void finishedRound() throws IOException {
        begin(RecordType.FINISHED_ROUND, 0);
        end();
    }

    /** Writes a sample of an event, with the fields that the event asks for. */
    public void sample(int eventIndex, SampleFields fields) throws IOException {
        SampleLayout layout = table.layout(eventIndex);
        if (layout == null) {
            throw new IllegalArgumentException("no event " + eventIndex);
        }
        if (fields.variableSize() > MAX_RECORD_SIZE) {
            throw new IllegalArgumentException("a sample of more than " + fields.variableSize() + " bytes");
        }
        begin(RecordType.SAMPLE, fields.misc);
        fields.putFixed(layout, buffer);
        fields.putParts(layout, buffer);
        end();
    }

    /** Finishes the file: writes the features, and completes the header. */
    @Override
    public void close() throws IOException {
        try (channel) {
            flush();
            long dataEnd = channel.position();
            NavigableMap<Integer, Bytes> sections = new TreeMap<>(features);
            sections.put(PerfFeatures.EVENT_DESC, Bytes.of(eventDescriptions(), "events"));
            long at = dataEnd + (long) SECTION_SIZE * sections.size();
            for (Bytes section : sections.values()) {
                buffer.putLong(at);
                buffer.putLong(section.size());
                at += section.size();
            }
            flush();
            for (Bytes section : sections.values()) {
                put(section.segment(), 0, section.size());
            }
            flush();
            channel.position(0);
            writeHeader(dataEnd - dataStart, sections);
            flush();
        }
    }
}
