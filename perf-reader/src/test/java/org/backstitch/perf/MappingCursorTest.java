package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mappings laid out by hand by linux/perf_event.h, whole and cut off. */
class MappingCursorTest {
    private static final int MMAP = 1;
    private static final int MMAP2 = 10;

    private static final int MISC_USER = 2;
    private static final int MISC_DATA = 1 << 13;
    private static final int MISC_BUILD_ID = 1 << 14;

    private static final Object[] INODE = {8, 1, 1234L, 5L};
    private static final Object[] ID_OF_THREE = {
        (byte) 3, (byte) 0, (short) 0, HexFormat.of().parseHex("a1b2c3" + "ee".repeat(17))
    };

    @TempDir
    Path dir;

    private interface Check {
        void of(PerfFile file, MappingCursor mapping) throws Exception;
    }

    /** Checks what the cursor reads of a recording's one record. */
    private void check(int type, int misc, byte[] content, Check check) throws Exception {
        RawRecording recording = new RawRecording().event(SampleType.TID | SampleType.TIME);
        try (PerfFile file = recording.add(type, misc, content).open(dir)) {
            check.of(file, file.mappings());
        }
    }

    private static byte[] mmap(Object name) {
        return RawRecording.bytes(7, 8, 0x40_0000L, 0x2000L, 0x1000L, name, 1, 2, 3L);
    }

    private static byte[] mmap2(Object[] file, int protection, Object name) {
        return RawRecording.bytes(
                7, 8, 0x7f00_0000_0000L, 0x2000L, 0x1000L, RawRecording.bytes(file), protection, 2, name, 1, 2, 3L);
    }

    private static void assertPlace(MappingCursor mapping, long address) {
        assertEquals(7, mapping.pid());
        assertEquals(8, mapping.tid());
        assertEquals(
                List.of(address, 0x2000L, 0x1000L), List.of(mapping.address(), mapping.length(), mapping.fileOffset()));
        assertEquals(MISC_USER, mapping.cpuMode());
    }

    @Test
    void readsMmap() throws Exception {
        check(MMAP, MISC_USER, mmap("/bin/true\0\0\0\0\0\0\0"), (file, mapping) -> {
            mapping.moveTo(file.recordsStart());
            assertPlace(mapping, 0x40_0000);
            assertEquals("/bin/true", mapping.fileName());
            assertEquals("", mapping.buildId());
            assertTrue(mapping.isExecutable());
        });
        check(MMAP, MISC_USER | MISC_DATA, mmap("[heap]\0\0"), (file, mapping) -> {
            mapping.moveTo(file.recordsStart());
            assertFalse(mapping.isExecutable());
        });
    }

    @Test
    void readsMmap2() throws Exception {
        check(MMAP2, MISC_USER, mmap2(INODE, 5, "/lib/libc.so.6\0\0"), (file, mapping) -> {
            mapping.moveTo(file.recordsStart());
            assertPlace(mapping, 0x7f00_0000_0000L);
            assertEquals("/lib/libc.so.6", mapping.fileName());
            assertEquals("", mapping.buildId());
            assertTrue(mapping.isExecutable());
        });
    }

    @Test
    void protectionSaysWhatIsExecutable() throws Exception {
        int[] protections = {1, 3, 4, 5, 0};
        boolean[] executable = {false, false, true, true, true};
        for (int i = 0; i < protections.length; i++) {
            boolean expected = executable[i];
            check(MMAP2, MISC_USER, mmap2(INODE, protections[i], "/a\0\0\0\0\0\0"), (file, mapping) -> {
                mapping.moveTo(file.recordsStart());
                assertEquals(expected, mapping.isExecutable());
            });
        }
        check(MMAP2, MISC_USER | MISC_DATA, mmap2(INODE, 0, "//anon\0\0"), (file, mapping) -> {
            mapping.moveTo(file.recordsStart());
            assertFalse(mapping.isExecutable());
        });
    }

    @Test
    void readsBuildIds() throws Exception {
        check(MMAP2, MISC_USER | MISC_BUILD_ID, mmap2(ID_OF_THREE, 5, "/a\0\0\0\0\0\0"), (file, mapping) -> {
            mapping.moveTo(file.recordsStart());
            assertEquals("a1b2c3", mapping.buildId());
            assertEquals("/a", mapping.fileName());
        });
    }

    @Test
    void aNameMayFillItsField() throws Exception {
        check(MMAP, MISC_USER, mmap("12345678"), (file, mapping) -> {
            mapping.moveTo(file.recordsStart());
            assertEquals("12345678", mapping.fileName(), "without a NUL, up to the sample_id");
        });
    }

    /** What does not fit its record neither cursor nor decoder reads. */
    @Test
    void whatIsCutOffIsNotRead() throws Exception {
        byte[] mmap = mmap("");
        byte[] mmap2 = mmap2(INODE, 5, "");
        for (int length = 0; length <= mmap2.length; length++) {
            for (int type : new int[] {MMAP, MMAP2}) {
                int whole = type == MMAP ? mmap.length : mmap2.length;
                boolean fits = length >= whole;
                byte[] content = Arrays.copyOf(mmap2, length);
                check(type, MISC_USER, content, (file, mapping) -> {
                    if (fits) {
                        mapping.moveTo(file.recordsStart());
                        file.record(file.recordsStart());
                    } else {
                        assertThrows(MalformedInputException.class, () -> mapping.moveTo(file.recordsStart()));
                        assertThrows(MalformedInputException.class, () -> file.record(file.recordsStart()));
                    }
                });
            }
        }
        Object[] tooLong = ID_OF_THREE.clone();
        tooLong[0] = (byte) 21;
        check(MMAP2, MISC_USER | MISC_BUILD_ID, mmap2(tooLong, 5, "/a\0\0\0\0\0\0"), (file, mapping) -> {
            assertThrows(MalformedInputException.class, () -> mapping.moveTo(file.recordsStart()));
            assertThrows(MalformedInputException.class, () -> file.record(file.recordsStart()));
        });
    }

    @Test
    void otherRecordsAreRefused() throws Exception {
        check(
                RecordType.COMM,
                0,
                RawRecording.bytes(1, 2, "true\0\0\0\0", 1, 2, 3L),
                (file, mapping) ->
                        assertThrows(IllegalArgumentException.class, () -> mapping.moveTo(file.recordsStart())));
    }
}
