package org.backstitch.perf;

import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.List;
import org.backstitch.bytes.Words;

/**
 * Writes a recording, record by record, in bounded memory: a perf.data file, or what a pipe carries.
 *
 * <p>The order of the calls is the order of the records. Until {@link #close} a file looks like that of a recording that was killed:
 * readable, but without its size and its features.
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

    private final Closeable closing;
    private final Envelope envelope;
    private final List<PerfEvent> events;
    private final EventTable table;
    private final FeatureSections features = new FeatureSections();
    private final RecordBuffer out;
    private boolean opened;

    /**
     * @param closing what is left to be done for the channel at the end
     */
    private PerfWriter(WritableByteChannel channel, Closeable closing, Envelope envelope, List<PerfEvent> events) {
        this.closing = closing;
        this.envelope = envelope;
        this.events = List.copyOf(events);
        this.table = new EventTable(events);
        this.out = new RecordBuffer(channel);
    }

    /**
     * Creates a file, or empties it.
     *
     * @param events of the recording, at least one; a record's event is the one whose ids hold the record's id
     * @throws IOException if the file cannot be written
     */
    public static PerfWriter create(Path file, List<PerfEvent> events) throws IOException {
        checkEvents(events);
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.WRITE, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING);
        try {
            PerfWriter writer = new PerfWriter(channel, channel, new Envelope.OfFile(channel, events), events);
            writer.open();
            return writer;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Writes in pipe mode, to where nothing can be gone back to: whatever else the recording says, {@link #features} included, must be
     * given before the first record.
     *
     * @param stream is flushed at the end, and not closed
     * @param events as for {@link #create}
     */
    public static PerfWriter toPipe(OutputStream stream, List<PerfEvent> events) {
        checkEvents(events);
        return new PerfWriter(
                Channels.newChannel(stream), stream::flush, new Envelope.OfPipe(List.copyOf(events)), events);
    }

    private static void checkEvents(List<PerfEvent> events) {
        if (events.isEmpty()) {
            throw new IllegalArgumentException("a recording needs an event");
        }
    }

    private void open() throws IOException {
        if (!opened) {
            opened = true;
            envelope.open(out, features);
        }
    }

    /** How many bytes were written so far. */
    public long size() {
        return out.position();
    }

    private FeatureSections changeable() {
        if (opened && envelope instanceof Envelope.OfPipe) {
            throw new IllegalStateException("behind the first record of a pipe");
        }
        return features;
    }

    /**
     * Takes over what another recording says about its machine. Left out is what would not be true any more: the list of events is
     * that of this file, the records are not compressed, hardware traces lie elsewhere.
     *
     * @param from of a recording that stays open until this writer is closed, which is when the sections are copied
     */
    public void features(PerfFeatures from) {
        changeable().takeOver(from);
    }

    /**
     * Sets a feature section.
     *
     * @param number see {@link PerfFeatures}; 1 to 255
     * @param section its content
     */
    public void feature(int number, byte[] section) {
        changeable().put(number, section);
    }

    /** Sets a feature section that is one string: {@link PerfFeatures#HOSTNAME} and others. */
    public void feature(int number, String text) {
        changeable().put(number, text);
    }

    /** Sets the number of CPUs: {@link PerfFeatures#NRCPUS}. */
    public void cpuCount(int available, int online) {
        changeable().cpuCount(available, online);
    }

    /** Sets the command line: {@link PerfFeatures#CMDLINE}. */
    public void commandLine(List<String> words) {
        changeable().commandLine(words);
    }

    /** Sets the build ids: {@link PerfFeatures#BUILD_ID}. */
    public void buildIds(List<BuildIdEntry> entries) {
        changeable().buildIds(entries);
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
            default -> {
                open();
                out.putAll(source.bytes().segment(), record.offset(), record.nextOffset());
            }
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
        Words numbers = source.bytes().words();
        ByteBuffer buffer = begin(RecordType.SAMPLE, sample.misc());
        for (long field : FIXED) {
            if ((layout.sampleType & field) != 0) {
                long at = sample.fixedStart(field);
                if (at < 0) {
                    throw new IllegalArgumentException("the sample lacks the field 0x" + Long.toHexString(field));
                }
                buffer.putLong(numbers.i64(at));
            }
        }
        int room = MAX_RECORD_SIZE - out.recordSize();
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
                putWords(chain, words, buffer);
            } else {
                long start = sample.partStart(part);
                out.put(numbers.segment(), start, (int) (sample.partEnd(part) - start));
            }
        }
        out.end();
        return (layout.sampleType & SampleType.CALLCHAIN) != 0 ? words : 0;
    }

    private static void putWords(long[] words, int count, ByteBuffer buffer) {
        buffer.putLong(count);
        for (int i = 0; i < count; i++) {
            buffer.putLong(words[i]);
        }
    }

    private ByteBuffer begin(int type, int misc) throws IOException {
        open();
        return out.begin(type, misc);
    }

    /** Ends a record of the kernel with its {@code sample_id}. */
    private void end(SampleId id, ByteBuffer buffer) {
        out.pad();
        int event = events.size() == 1 || id.id() <= 0 ? 0 : table.eventOfId(id.id());
        SampleLayout layout = table.layout(event);
        if (layout == null) {
            throw new IllegalArgumentException("a record of an event that this file does not have");
        }
        int position = buffer.position() + layout.sampleIdSize;
        putBack(buffer, position, layout.tidFromEnd, (id.pid() & 0xffff_ffffL) | (long) id.tid() << 32);
        putBack(buffer, position, layout.timeFromEnd, id.time());
        putBack(buffer, position, layout.idFromEnd, id.id());
        putBack(buffer, position, layout.streamIdFromEnd, id.streamId());
        putBack(buffer, position, layout.cpuFromEnd, id.cpu() & 0xffff_ffffL);
        putBack(buffer, position, layout.identifierFromEnd, id.id());
        buffer.position(position);
        out.end();
    }

    private static void putBack(ByteBuffer buffer, int end, int fromEnd, long value) {
        if (fromEnd != 0) {
            buffer.putLong(end - fromEnd, value);
        }
    }

    private void text(String text, ByteBuffer buffer) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > MAX_RECORD_SIZE / 2) {
            throw new IllegalArgumentException("a name of " + bytes.length + " bytes");
        }
        buffer.put(bytes);
        buffer.put((byte) 0);
        out.pad();
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
        ByteBuffer buffer = begin(
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
        text(fileName, buffer);
        end(id, buffer);
    }

    /** Writes a thread's name: {@link PerfRecord.Comm}. */
    public void comm(SampleId id, int pid, int tid, String comm, boolean exec) throws IOException {
        ByteBuffer buffer = begin(RecordType.COMM, exec ? RecordMisc.COMM_EXEC : 0);
        buffer.putInt(pid).putInt(tid);
        text(comm, buffer);
        end(id, buffer);
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
        ByteBuffer buffer = begin(type, 0);
        buffer.putInt(pid).putInt(parentPid).putInt(tid).putInt(parentTid).putLong(time);
        end(id, buffer);
    }

    /** Writes that records were lost: {@link PerfRecord.Lost}. */
    public void lost(SampleId id, long eventId, long lost) throws IOException {
        ByteBuffer buffer = begin(RecordType.LOST, 0);
        buffer.putLong(eventId).putLong(lost);
        end(id, buffer);
    }

    /** Writes a context switch: {@link PerfRecord.Switch}. */
    public void contextSwitch(SampleId id, boolean out, boolean preempted) throws IOException {
        ByteBuffer buffer = begin(
                RecordType.SWITCH, (out ? RecordMisc.SWITCH_OUT : 0) | (preempted ? RecordMisc.SWITCH_OUT_PREEMPT : 0));
        end(id, buffer);
    }

    /**
     * Writes a callchain that was taken late: {@link PerfRecord.CallchainDeferred}.
     *
     * @param addresses innermost first, without markers
     * @param length how many of them
     */
    public void callchainDeferred(SampleId id, long cookie, long[] addresses, int length) throws IOException {
        checkChain(length);
        ByteBuffer buffer = begin(RecordType.CALLCHAIN_DEFERRED, RecordMisc.CPU_MODE_USER);
        buffer.putLong(cookie);
        putWords(addresses, length, buffer);
        end(id, buffer);
    }

    /**
     * Writes a callchain that was taken late, as the RFC of 2017 has it: type 17, and no cookie.
     *
     * @param addresses innermost first, without markers
     * @param length how many of them
     */
    public void rfc2017Callchain(SampleId id, long[] addresses, int length) throws IOException {
        checkChain(length);
        ByteBuffer buffer = begin(RecordType.KSYMBOL, RecordMisc.CPU_MODE_USER);
        putWords(addresses, length, buffer);
        end(id, buffer);
    }

    private static void checkChain(int length) {
        if (length > MAX_RECORD_SIZE / 8 - 9) {
            throw new IllegalArgumentException("a callchain of " + length + " addresses");
        }
    }

    /** Writes that no record behind this one is older than any record before the previous one of these. */
    public void finishedRound() throws IOException {
        begin(RecordType.FINISHED_ROUND, 0);
        out.end();
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
        ByteBuffer buffer = begin(RecordType.SAMPLE, fields.misc);
        fields.putFixed(layout, buffer);
        fields.putParts(layout, buffer);
        out.end();
    }

    /** Finishes the recording: in a file, writes the features and completes the header. */
    @Override
    public void close() throws IOException {
        try (closing) {
            open();
            envelope.close(out, features);
        }
    }
}
