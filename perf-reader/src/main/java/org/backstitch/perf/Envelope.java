package org.backstitch.perf;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;

/** What stands around the records of a recording that is being written: its events, and what it says about the machine. */
sealed interface Envelope {
    /** Writes what stands before the first record. */
    void open(RecordBuffer out, FeatureSections features) throws IOException;

    /** Writes what stands behind the last record. */
    void close(RecordBuffer out, FeatureSections features) throws IOException;

    /** The most bytes of an attribute, all of which are given the same size in a file. */
    static int attrSize(List<PerfEvent> events) {
        return events.stream().mapToInt(event -> event.attr().size()).reduce(PerfEventAttr.SIZE_VER0, Math::max);
    }

    /**
     * That of a file ({@code struct perf_file_header}): a header with the places of everything else, ids, attributes; behind the
     * records the feature sections. The header is completed at the end.
     */
    record OfFile(SeekableByteChannel channel, List<PerfEvent> events, int attrSize) implements Envelope {
        private static final int SECTION_SIZE = 16;

        OfFile(SeekableByteChannel channel, List<PerfEvent> events) {
            this(channel, events, Envelope.attrSize(events));
        }

        private long attrsStart() {
            return FileHeader.SIZE
                    + 8 * events.stream().mapToLong(PerfEvent::idCount).sum();
        }

        private long attrsSize() {
            return (long) (attrSize + SECTION_SIZE) * events.size();
        }

        private long dataStart() {
            return attrsStart() + attrsSize();
        }

        @Override
        public void open(RecordBuffer out, FeatureSections features) throws IOException {
            writeHeader(out, 0, new TreeMap<>());
            for (PerfEvent event : events) {
                out.putWords(event.ids());
            }
            long idsStart = FileHeader.SIZE;
            for (PerfEvent event : events) {
                out.putBytes(event.attr().withSizeOfAtLeast(attrSize).toByteArray());
                out.putWords(idsStart, 8L * event.idCount());
                idsStart += 8L * event.idCount();
            }
        }

        private void writeHeader(RecordBuffer out, long dataSize, NavigableMap<Integer, Bytes> sections)
                throws IOException {
            long[] bits = new long[FileHeader.FEATURE_BITS / Long.SIZE];
            for (int feature : sections.keySet()) {
                bits[feature / Long.SIZE] |= 1L << feature % Long.SIZE;
            }
            out.putWords(FileHeader.MAGIC, FileHeader.SIZE, attrSize + SECTION_SIZE);
            out.putWords(attrsStart(), attrsSize());
            out.putWords(dataStart(), dataSize);
            out.putWords(0, 0); // The list of event types, which nobody has read since Linux 2.6.38.
            out.putWords(bits);
        }

        @Override
        public void close(RecordBuffer out, FeatureSections features) throws IOException {
            long dataEnd = out.position();
            NavigableMap<Integer, Bytes> sections = features.all();
            sections.put(
                    PerfFeatures.EVENT_DESC, Bytes.of(FeatureSections.eventDescriptions(events, attrSize), "events"));
            long at = dataEnd + (long) SECTION_SIZE * sections.size();
            for (Bytes section : sections.values()) {
                out.putWords(at, section.size());
                at += section.size();
            }
            for (Bytes section : sections.values()) {
                out.putAll(section.segment(), 0, section.size());
            }
            out.flush();
            channel.position(0);
            writeHeader(out, dataEnd - dataStart(), sections);
            out.flush();
        }
    }

    /** That of a pipe: a magic number and a size; all else is said in records, before those of the kernel. */
    record OfPipe(List<PerfEvent> events) implements Envelope {
        private static final long UPDATE_NAME = 2;

        @Override
        public void open(RecordBuffer out, FeatureSections features) throws IOException {
            out.putWords(FileHeader.MAGIC, FileHeader.PIPE_SIZE);
            int attrSize = Envelope.attrSize(events);
            for (PerfEvent event : events) {
                long size = SampleLayout.HEADER_SIZE + attrSize + 8L * event.idCount();
                if (size > PerfWriter.MAX_RECORD_SIZE) {
                    throw new IOException("the event " + event.name() + " has " + event.idCount()
                            + " ids, more than a pipe can tell: write a file");
                }
                ByteBuffer record = out.begin(RecordType.HEADER_ATTR, 0);
                record.put(event.attr().withSizeOfAtLeast(attrSize).toByteArray());
                for (long id : event.ids()) {
                    record.putLong(id);
                }
                out.end();
            }
            for (PerfEvent event : events) {
                nameOf(event, out);
            }
            NavigableMap<Integer, Bytes> sections = features.all();
            sections.remove(PerfFeatures.BUILD_ID);
            Bytes tracing = sections.remove(PerfFeatures.TRACING_DATA);
            for (Map.Entry<Integer, Bytes> section : sections.entrySet()) {
                feature(section.getKey(), section.getValue(), out);
            }
            if (tracing != null) {
                tracingData(tracing, out);
            }
            for (BuildIdEntry entry : features.buildIds()) {
                out.putBytes(FeatureSections.buildIdRecord(entry));
            }
        }

        /** A name belongs to an id; without one, readers name the event themselves. */
        private static void nameOf(PerfEvent event, RecordBuffer out) throws IOException {
            byte[] name = event.name().getBytes(StandardCharsets.UTF_8);
            if (event.idCount() > 0 && name.length < PerfWriter.MAX_RECORD_SIZE / 2) {
                out.begin(RecordType.EVENT_UPDATE, 0)
                        .putLong(UPDATE_NAME)
                        .putLong(event.ids()[0])
                        .put(name)
                        .put((byte) 0);
                out.end();
            }
        }

        /** What does not fit a record is left out, as perf does; and what a perf may not know, since it gives up on that. */
        private static void feature(int number, Bytes section, RecordBuffer out) throws IOException {
            int head = SampleLayout.HEADER_SIZE + 8;
            if (number <= PerfFeatures.PMU_CAPS && section.size() <= PerfWriter.MAX_RECORD_SIZE - head) {
                out.begin(RecordType.HEADER_FEATURE, 0).putLong(number);
                out.put(section.segment(), 0, (int) section.size());
                out.end();
            }
        }

        private static void tracingData(Bytes data, RecordBuffer out) throws IOException {
            long padded = (data.size() + 7) & ~7L;
            // The kernel's struct ends behind these four bytes; its size does not count the data.
            out.begin(RecordType.HEADER_TRACING_DATA, 0).putInt((int) padded);
            out.end();
            out.putAll(data.segment(), 0, data.size());
            out.putAll(MemorySegment.ofArray(new byte[8]), 0, padded - data.size());
        }

        @Override
        public void close(RecordBuffer out, FeatureSections features) throws IOException {
            out.flush();
        }
    }
}
