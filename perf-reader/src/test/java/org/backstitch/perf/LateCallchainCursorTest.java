package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Late callchains laid out by hand by linux/perf_event.h, and by the RFC of 2017; whole and cut off. */
class LateCallchainCursorTest {
    private static final int CALLCHAIN_DEFERRED = 22;
    private static final int RFC2017 = 17;

    @TempDir
    Path dir;

    private PerfFile open(long sampleType, int type, Object... body) throws Exception {
        return new RawRecording()
                .event(sampleType)
                .add(type, 2, RawRecording.bytes(body))
                .open(dir);
    }

    private static void assertChain(LateCallchainCursor chain, long... addresses) {
        assertEquals(addresses.length, chain.size());
        for (int i = 0; i < addresses.length; i++) {
            assertEquals(addresses[i], chain.address(i));
        }
        assertThrows(IndexOutOfBoundsException.class, () -> chain.address(addresses.length));
        assertThrows(IndexOutOfBoundsException.class, () -> chain.address(-1));
    }

    @Test
    void readsDeferredCallchains() throws Exception {
        long fields = SampleType.IDENTIFIER | SampleType.TID | SampleType.TIME;
        try (PerfFile file = open(fields, CALLCHAIN_DEFERRED, 99L, 2L, -512L, 0x401000L, 7, 8, 3L, 55L)) {
            LateCallchainCursor chain = file.lateCallchains();
            chain.moveTo(file.recordsStart());
            assertEquals(99, chain.cookie());
            assertEquals(List.of(7, 8), List.of(chain.pid(), chain.tid()));
            assertEquals(55, chain.eventId());
            assertChain(chain, -512, 0x401000);
        }
    }

    @Test
    void readsThoseOf2017() throws Exception {
        try (PerfFile file = open(SampleType.TID | SampleType.TIME, RFC2017, 1L, 0x401000L, 7, 8, 3L)) {
            LateCallchainCursor chain = file.lateCallchains();
            chain.moveTo(file.recordsStart());
            assertEquals(0, chain.cookie());
            assertEquals(List.of(7, 8), List.of(chain.pid(), chain.tid()));
            assertEquals(-1, chain.eventId());
            assertChain(chain, 0x401000);
        }
    }

    @Test
    void whatIsNotRecordedIsMinusOne() throws Exception {
        try (PerfFile file = open(SampleType.IP, CALLCHAIN_DEFERRED, 99L, 0L)) {
            LateCallchainCursor chain = file.lateCallchains();
            chain.moveTo(file.recordsStart());
            assertEquals(List.of(-1, -1), List.of(chain.pid(), chain.tid()));
            assertEquals(-1, chain.eventId());
            assertChain(chain);
        }
    }

    /** What does not fit its record neither cursor nor decoder reads: a count too large by one, and one that is negative. */
    @Test
    void whatIsCutOffIsNotRead() throws Exception {
        for (long count : new long[] {2, -1, Long.MIN_VALUE, 1L << 61}) {
            try (PerfFile file = open(SampleType.TID, CALLCHAIN_DEFERRED, 99L, count, 0x401000L, 7, 8)) {
                assertRefused(file, () -> file.record(file.recordsStart()));
            }
            try (PerfFile file = open(SampleType.TID, RFC2017, count, 0x401000L, 7, 8)) {
                assertRefused(file, () -> file.rfc2017Callchain(file.recordsStart()));
            }
        }
        try (PerfFile file = open(SampleType.TID, CALLCHAIN_DEFERRED, 99L, 7, 8)) {
            assertRefused(file, () -> file.record(file.recordsStart()));
        }
        try (PerfFile file = open(SampleType.TID, RFC2017, 7, 8)) {
            assertRefused(file, () -> file.rfc2017Callchain(file.recordsStart()));
        }
        try (PerfFile file = open(SampleType.TID | SampleType.TIME, RFC2017, 7, 8)) {
            assertRefused(file, () -> file.rfc2017Callchain(file.recordsStart()));
        }
    }

    private static void assertRefused(PerfFile file, Runnable decoding) {
        LateCallchainCursor chain = file.lateCallchains();
        assertThrows(MalformedInputException.class, () -> chain.moveTo(file.recordsStart()));
        assertThrows(MalformedInputException.class, decoding::run);
    }

    @Test
    void otherRecordsAreRefused() throws Exception {
        try (PerfFile file = open(SampleType.TID, RecordType.COMM, 1, 2, "true\0\0\0\0", 1, 2)) {
            LateCallchainCursor chain = file.lateCallchains();
            assertThrows(IllegalArgumentException.class, () -> chain.moveTo(file.recordsStart()));
        }
    }
}
