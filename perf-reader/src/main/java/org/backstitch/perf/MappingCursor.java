package org.backstitch.perf;

import java.util.HexFormat;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Words;

/**
 * What a process or the kernel mapped ({@link RecordType#MMAP} and {@link RecordType#MMAP2}), read in place: put it on a record's offset
 * with {@link #moveTo}, then ask for fields. Of these, only texts allocate anything.
 *
 * <p>It gives what {@link PerfRecord.Mmap} and {@link PerfRecord.Mmap2} hold, for those who pass over more mappings than they want
 * objects.
 *
 * <p>Not safe for use by several threads; any number of cursors can read one recording.
 */
public final class MappingCursor {
    // Offsets of fields from the start of the record, in bytes (include/uapi/linux/perf_event.h, PERF_RECORD_MMAP2).
    private static final int PID = 8;
    private static final int TID = 12;
    private static final int ADDRESS = 16;
    private static final int LENGTH = 24;
    private static final int FILE_OFFSET = 32;
    private static final int MMAP_NAME = 40;
    private static final int BUILD_ID_SIZE = 40;
    private static final int BUILD_ID = 44;
    private static final int PROTECTION = 64;
    private static final int MMAP2_NAME = 72;

    private static final int LONGEST_BUILD_ID = 20;
    private static final int PROT_EXEC = 4;

    private final Bytes bytes;
    private final Words words;
    private final EventTable events;
    private long offset;
    private int misc;
    private boolean isMmap2;
    private long nameOffset;
    private long bodyEnd;

    MappingCursor(Bytes bytes, EventTable events) {
        this.bytes = bytes;
        this.words = bytes.words();
        this.events = events;
    }

    /**
     * Moves to the mapping whose record starts at {@code recordOffset}.
     *
     * @param recordOffset of an MMAP or MMAP2, as {@link RecordCursor#offset} reports it
     * @throws org.backstitch.bytes.MalformedInputException if it is too short for what it should hold, or holds no build id where it says so
     * @throws IllegalArgumentException if it is another record
     */
    public void moveTo(long recordOffset) {
        long header = words.i64(recordOffset);
        int type = (int) header;
        int size = (int) (header >>> 48);
        if (type != RecordType.MMAP && type != RecordType.MMAP2) {
            throw new IllegalArgumentException("no mapping at " + recordOffset);
        }
        SampleLayout layout = events.layout(events.eventOfOther(words, recordOffset, size));
        offset = recordOffset;
        misc = (int) (header >>> 32) & 0xffff;
        isMmap2 = type == RecordType.MMAP2;
        nameOffset = recordOffset + (isMmap2 ? MMAP2_NAME : MMAP_NAME);
        bodyEnd = recordOffset + size - (layout == null ? 0 : layout.sampleIdSize);
        if (nameOffset > bodyEnd) {
            throw bytes.malformed(recordOffset, "a " + RecordType.name(type) + " record of " + size + " bytes");
        }
        if (tellsBuildId() && words.u8(offset + BUILD_ID_SIZE) > LONGEST_BUILD_ID) {
            int claimed = words.u8(offset + BUILD_ID_SIZE);
            throw bytes.malformed(offset + BUILD_ID_SIZE, "a build id of " + claimed + " bytes");
        }
    }

    private boolean tellsBuildId() {
        return isMmap2 && (misc & RecordMisc.MMAP_BUILD_ID) != 0;
    }

    /** The CPU mode that the record is of: {@link RecordMisc#CPU_MODE_UNKNOWN} to {@link RecordMisc#CPU_MODE_GUEST_USER}. */
    public int cpuMode() {
        return misc & RecordMisc.CPU_MODE_MASK;
    }

    /** The process; -1 for the kernel. */
    public int pid() {
        return words.i32(offset + PID);
    }

    /** The thread. */
    public int tid() {
        return words.i32(offset + TID);
    }

    /** Address of the first byte. */
    public long address() {
        return words.i64(offset + ADDRESS);
    }

    /** Length in bytes, unsigned. */
    public long length() {
        return words.i64(offset + LENGTH);
    }

    /** Offset in the file of the first byte. */
    public long fileOffset() {
        return words.i64(offset + FILE_OFFSET);
    }

    /** Whether code can be executed there: an MMAP2 says how the memory is protected, where the tool knew it; an MMAP, whether it is data. */
    public boolean isExecutable() {
        int protection = isMmap2 ? words.i32(offset + PROTECTION) : 0;
        return protection == 0 ? (misc & RecordMisc.MMAP_DATA) == 0 : (protection & PROT_EXEC) != 0;
    }

    /** The file as the recorded system names it; what is no file has a name like {@code [vdso]} or {@code //anon}. */
    public String fileName() {
        return bytes.paddedString(nameOffset, bodyEnd - nameOffset);
    }

    /** The file's build id in hexadecimal digits; empty if the record does not say. */
    public String buildId() {
        return tellsBuildId()
                ? HexFormat.of().formatHex(bytes.copy(offset + BUILD_ID, words.u8(offset + BUILD_ID_SIZE)))
                : "";
    }
}
