package org.backstitch.perf;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;

/**
 * The header of a perf.data file (tools/perf/util/header.h: {@code struct perf_file_header}, {@code struct perf_pipe_file_header}).
 *
 * @param isPipe whether the file is what a pipe carried: no sections, everything is said in records
 * @param events as the section of attributes describes them; empty in pipe mode
 * @param dataStart where the records start
 * @param dataEnd where they end: what the header says, but no more than the file has
 * @param features the feature sections by their numbers; empty in pipe mode
 */
record FileHeader(
        boolean isPipe,
        List<EventDescription> events,
        long dataStart,
        long dataEnd,
        NavigableMap<Integer, Bytes> features) {
    /** {@code PERFILE2} as a little-endian number. */
    static final long MAGIC = 0x32454c4946524550L;

    /** The size of a header with a bitmap of features, in bytes. */
    static final int SIZE = 104;

    /** The size of the header that a pipe carries. */
    static final int PIPE_SIZE = 16;

    private static final long MAGIC_VERSION_1 = 0x454c494646524550L;

    /** The size of a header from before there were features. */
    private static final int SIZE_WITHOUT_FEATURES = 72;

    private static final int SECTION_SIZE = 16;
    static final int FEATURE_BITS = 256;

    static FileHeader read(Bytes file, Anomalies anomalies) {
        if (file.size() < PIPE_SIZE) {
            throw file.malformed(0, "not a perf.data file: it has only " + file.size() + " bytes");
        }
        long magic = file.i64(0);
        if (magic == MAGIC_VERSION_1) {
            throw file.malformed(0, "a perf.data file of version 1 (PERFFILE), which perf wrote before Linux 3.2");
        }
        if (Long.reverseBytes(magic) == MAGIC) {
            throw file.malformed(0, "a perf.data file of a big-endian machine");
        }
        if (magic != MAGIC) {
            throw file.malformed(0, "not a perf.data file: it does not start with PERFILE2");
        }
        long size = file.i64(8);
        if (size == PIPE_SIZE) {
            return new FileHeader(true, List.of(), PIPE_SIZE, file.size(), new TreeMap<>());
        }
        if (size != SIZE && size != SIZE_WITHOUT_FEATURES) {
            throw file.malformed(8, "a header of " + Long.toUnsignedString(size) + " bytes");
        }
        if (file.size() < size) {
            throw file.malformed(file.size(), "the file ends inside of its header");
        }
        long dataStart = file.i64(40);
        long dataSize = file.i64(48);
        if (!file.contains(dataStart, 0) || dataStart < size) {
            throw file.malformed(40, "records that start at 0x" + Long.toHexString(dataStart));
        }
        long dataEnd = dataEnd(file, dataStart, dataSize, anomalies);
        NavigableMap<Integer, Bytes> features = size == SIZE && dataSize > 0 && dataEnd - dataStart == dataSize
                ? features(file, dataEnd, anomalies)
                : new TreeMap<>();
        return new FileHeader(false, events(file), dataStart, dataEnd, features);
    }

    private static long dataEnd(Bytes file, long start, long size, Anomalies anomalies) {
        long left = file.size() - start;
        if (size == 0 && left > 0) {
            anomalies.add(
                    Anomalies.Kind.NOT_FINISHED,
                    48,
                    "a header of a recording that was not finished: no size of the data");
            return file.size();
        }
        if (size < 0 || size > left) {
            anomalies.add(
                    Anomalies.Kind.TRUNCATED,
                    file.size(),
                    Long.toUnsignedString(size) + " bytes of records announced, " + left + " are there");
            return file.size();
        }
        return start + size;
    }

    private static List<EventDescription> events(Bytes file) {
        long entrySize = file.i64(16);
        long start = file.i64(24);
        long size = file.i64(32);
        if (entrySize < PerfEventAttr.SIZE_VER0 + SECTION_SIZE || entrySize > PerfEventAttr.MAX_SIZE + SECTION_SIZE) {
            throw file.malformed(16, "event attributes of " + Long.toUnsignedString(entrySize) + " bytes each");
        }
        if (!file.contains(start, size)) {
            throw file.malformed(
                    24,
                    Long.toUnsignedString(size) + " bytes of event attributes at 0x" + Long.toHexString(start)
                            + ", outside of the file");
        }
        List<EventDescription> events = new ArrayList<>();
        long idBudget = file.size();
        for (long at = start; at <= start + size - entrySize; at += entrySize) {
            Bytes entry = file.slice(at, entrySize);
            PerfEventAttr attr = PerfEventAttr.read(entry.slice(0, entrySize - SECTION_SIZE));
            long idsStart = entry.i64(entrySize - SECTION_SIZE);
            long idsSize = entry.i64(entrySize - SECTION_SIZE + 8);
            if (!file.contains(idsStart, idsSize)) {
                throw entry.malformed(entrySize - SECTION_SIZE, "event ids outside of the file");
            }
            idBudget -= idsSize;
            if (idBudget < 0) {
                throw entry.malformed(entrySize - SECTION_SIZE, "more event ids than the file has bytes");
            }
            events.add(new EventDescription(attr, ids(file.slice(idsStart, idsSize), 0), null));
        }
        return events;
    }

    /** An id is a file descriptor that perf had open: {@code fs.nr_open} bounds them. */
    private static final int MAX_IDS = 1 << 30;

    /** The 64-bit ids from {@code start} to the end of {@code bytes}; a rest of less than eight bytes is ignored, as perf does. */
    static long[] ids(Bytes bytes, long start) {
        long count = (bytes.size() - start) / 8;
        if (count > MAX_IDS) {
            throw bytes.malformed(start, count + " event ids, more than there can be");
        }
        long[] ids = new long[(int) count];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = bytes.i64(start + 8L * i);
        }
        return ids;
    }

    /** Behind the data lies a table of sections, one for each bit that is set in the bitmap. */
    private static NavigableMap<Integer, Bytes> features(Bytes file, long table, Anomalies anomalies) {
        NavigableMap<Integer, Bytes> features = new TreeMap<>();
        long entry = table;
        for (int feature = 0; feature < FEATURE_BITS; feature++) {
            if ((file.i64(SIZE_WITHOUT_FEATURES + feature / 64 * 8) >>> feature % 64 & 1) == 0) {
                continue;
            }
            try {
                Bytes section = file.slice(file.i64(entry), file.i64(entry + 8));
                if (feature > 0) { // Bit 0 is reserved, and never set by perf.
                    features.put(feature, section);
                }
            } catch (MalformedInputException e) {
                anomalies.add(
                        Anomalies.Kind.BAD_FEATURE,
                        entry,
                        "feature " + feature + " outside of the file: " + e.reason());
            }
            entry += SECTION_SIZE;
        }
        return features;
    }
}
