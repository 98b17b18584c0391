package org.backstitch.perf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.backstitch.bytes.Bytes;

/** The feature sections of a file that is being written: what it says about the machine (tools/perf/util/header.c). */
final class FeatureSections {
    /** perf pads the strings in its feature sections to this size. */
    private static final int STRING_ALIGNMENT = 64;

    private static final int MAX_BUILD_ID = 20;

    private final NavigableMap<Integer, Bytes> sections = new TreeMap<>();
    private List<BuildIdEntry> buildIds = List.of();

    /** All of them, by number; that of the build ids among them. */
    NavigableMap<Integer, Bytes> all() {
        NavigableMap<Integer, Bytes> all = new TreeMap<>(sections);
        if (!buildIds.isEmpty()) {
            List<byte[]> records = new ArrayList<>();
            int size = 0;
            for (BuildIdEntry entry : buildIds) {
                byte[] record = buildIdRecord(entry);
                records.add(record);
                size += record.length;
            }
            ByteBuffer section = room(size);
            records.forEach(section::put);
            all.put(PerfFeatures.BUILD_ID, Bytes.of(content(section), "build ids"));
        }
        return all;
    }

    /**
     * Takes over what is still true of another file: the list of events is not, the records are not compressed any more, hardware
     * traces lie elsewhere.
     */
    void takeOver(PerfFeatures from) {
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
                default -> sections.put(number, section);
            }
        }
        buildIds(from.buildIds());
    }

    void put(int number, byte[] section) {
        if (number < 1 || number >= FileHeader.FEATURE_BITS) {
            throw new IllegalArgumentException("no feature has the number " + number);
        }
        sections.put(number, Bytes.of(section.clone(), "feature " + number));
    }

    void put(int number, String text) {
        ByteBuffer section = room(sizeOf(text));
        putString(section, text);
        put(number, content(section));
    }

    void cpuCount(int available, int online) {
        put(PerfFeatures.NRCPUS, content(room(8).putInt(available).putInt(online)));
    }

    void commandLine(List<String> words) {
        ByteBuffer section =
                room(4 + words.stream().mapToInt(FeatureSections::sizeOf).sum());
        section.putInt(words.size());
        for (String word : words) {
            putString(section, word);
        }
        put(PerfFeatures.CMDLINE, content(section));
    }

    void buildIds(List<BuildIdEntry> entries) {
        for (BuildIdEntry entry : entries) {
            if (entry.buildId().length() > 2 * MAX_BUILD_ID) {
                throw new IllegalArgumentException(
                        "a build id of " + entry.buildId().length() / 2 + " bytes");
            }
        }
        buildIds = List.copyOf(entries);
    }

    List<BuildIdEntry> buildIds() {
        return buildIds;
    }

    /** A whole record, as the section and a pipe hold it. */
    static byte[] buildIdRecord(BuildIdEntry entry) {
        byte[] name = entry.fileName().getBytes(StandardCharsets.UTF_8);
        byte[] id = HexFormat.of().parseHex(entry.buildId());
        int size = align(8 + 4 + 24 + name.length + 1, 8);
        ByteBuffer record = room(size);
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

    /** The list of events, with attributes of {@code attrSize} bytes each. */
    static byte[] eventDescriptions(List<PerfEvent> events, int attrSize) {
        int size = 8;
        for (PerfEvent event : events) {
            size += attrSize + 4 + sizeOf(event.name()) + 8 * event.idCount();
        }
        ByteBuffer section = room(size);
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

    private static int sizeOf(String text) {
        return 4 + align(text.getBytes(StandardCharsets.UTF_8).length + 1, STRING_ALIGNMENT);
    }

    private static void putString(ByteBuffer section, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int size = align(bytes.length + 1, STRING_ALIGNMENT);
        section.putInt(size);
        section.put(bytes);
        section.position(section.position() + size - bytes.length);
    }

    private static int align(int size, int alignment) {
        return (size + alignment - 1) / alignment * alignment;
    }

    private static ByteBuffer room(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] content(ByteBuffer section) {
        byte[] content = new byte[section.position()];
        section.get(0, content);
        return content;
    }
}
