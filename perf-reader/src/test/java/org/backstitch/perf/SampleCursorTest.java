package org.backstitch.perf;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Samples laid out by hand, by the comment on PERF_RECORD_SAMPLE in linux/perf_event.h. */
class SampleCursorTest {
    /** AX, BP, SP, IP. */
    private static final long USER_MASK = 0x1c1;

    private static final long INTERRUPT_MASK = 1L << 8 | 1L << 23;

    /** Every field that there is. */
    private static Object[] everything() {
        return new Object[] {
            0x1dL, // IDENTIFIER
            0x401000L, // IP
            42,
            43, // TID
            1_000_000_007L, // TIME
            0xadd7L, // ADDR
            0x1dL, // ID
            0x57L, // STREAM_ID
            3,
            0, // CPU
            250L, // PERIOD
            2L,
            11L,
            12L, // READ: a group of two, time enabled and running,
            100L,
            0x1dL,
            1L, // value, id, lost
            200L,
            0x1eL,
            2L,
            3L,
            -512L,
            0x401000L,
            0x402000L, // CALLCHAIN
            12,
            "raw data....", // RAW
            2L,
            77L, // BRANCH_STACK: two, hardware index,
            0x10L,
            0x20L,
            0x1L, // from, to, flags
            0x30L,
            0x40L,
            0x2L,
            0x501L,
            0x502L, // counters of both
            2L,
            0xaaL,
            0xbbL,
            0x7ff0L,
            0x401000L, // REGS_USER: ABI 64, AX, BP, SP, IP
            16L,
            "stack bytes.....",
            8L, // STACK_USER: 16 dumped, 8 valid
            9L | 8L << 32 | 7L << 48, // WEIGHT_STRUCT
            0x5080021L, // DATA_SRC
            0x33L, // TRANSACTION
            1L,
            0x401004L,
            0xf5L, // REGS_INTR: ABI 32, IP, R15
            0x123456L, // PHYS_ADDR
            0xc9L, // CGROUP
            4096L, // DATA_PAGE_SIZE
            2_097_152L, // CODE_PAGE_SIZE
            8L,
            "auxtrace" // AUX
        };
    }

    private static RawRecording recordingOfEverything() {
        long all = SampleType.ALL & ~SampleType.WEIGHT;
        long read = ReadFormat.GROUP
                | ReadFormat.TOTAL_TIME_ENABLED
                | ReadFormat.TOTAL_TIME_RUNNING
                | ReadFormat.ID
                | ReadFormat.LOST;
        long branches = BranchSampleType.HW_INDEX | BranchSampleType.COUNTERS;
        return new RawRecording()
                .event(RawRecording.attr(all, read, branches, USER_MASK, INTERRUPT_MASK), 0x1dL, 0x1eL);
    }

    @Test
    void readsEveryField(@TempDir Path dir) throws Exception {
        try (PerfFile file =
                recordingOfEverything().add(9, 0x4002, everything()).open(dir)) {
            SampleCursor s = file.samples();
            RecordCursor record = file.records();
            assertTrue(record.next());
            assertEquals(1_000_000_007L, record.time());
            assertEquals(42, record.pid());
            assertEquals(43, record.tid());
            assertTrue(s.moveTo(record.offset()), s::fault);
            assertNull(s.fault());
            assertEquals(RecordMisc.CPU_MODE_USER, s.cpuMode());
            assertEquals(RecordMisc.EXACT_IP, s.misc() & RecordMisc.EXACT_IP);
            assertEquals(0, s.eventIndex());
            assertEquals(0x401000, s.ip());
            assertEquals(42, s.pid());
            assertEquals(43, s.tid());
            assertEquals(1_000_000_007L, s.time());
            assertEquals(0xadd7, s.address());
            assertEquals(0x1d, s.id());
            assertEquals(0x57, s.streamId());
            assertEquals(3, s.cpu());
            assertEquals(250, s.period());

            assertEquals(2, s.readCount());
            assertEquals(11, s.timeEnabled());
            assertEquals(12, s.timeRunning());
            assertEquals(100, s.readValue(0));
            assertEquals(0x1d, s.readId(0));
            assertEquals(1, s.readLost(0));
            assertEquals(200, s.readValue(1));
            assertEquals(0x1e, s.readId(1));
            assertEquals(2, s.readLost(1));

            assertEquals(3, s.callchainLength());
            assertEquals(CallchainContext.USER, s.callchain(0));
            assertEquals(0x402000, s.callchain(2));
            assertEquals(0x401000, file.bytes().i64(s.callchainOffset() + 8));
            assertThrows(IndexOutOfBoundsException.class, () -> s.callchain(3));
            assertThrows(IndexOutOfBoundsException.class, () -> s.callchain(-1));

            assertArrayEquals("raw data....".getBytes(UTF_8), file.bytes().copy(s.rawOffset(), s.rawSize()));

            assertEquals(2, s.branchCount());
            assertEquals(77, s.branchHardwareIndex());
            assertEquals(0x10, s.branchFrom(0));
            assertEquals(0x20, s.branchTo(0));
            assertEquals(0x30, s.branchFrom(1));
            assertEquals(2, s.branchFlags(1));
            assertEquals(0x502, s.branchCounters(1));

            assertEquals(PerfRegisters.ABI_64, s.userRegisterAbi());
            assertEquals(USER_MASK, s.userRegisterMask());
            assertEquals(0xaa, s.userRegister(PerfRegisters.AX));
            assertEquals(0xbb, s.userRegister(PerfRegisters.BP));
            assertEquals(0x7ff0, s.userRegister(PerfRegisters.SP));
            assertEquals(0x401000, s.userRegister(PerfRegisters.IP));
            assertEquals(0xaa, file.bytes().i64(s.userRegisterOffset()));
            assertFalse(s.hasUserRegister(PerfRegisters.BX));
            assertThrows(IndexOutOfBoundsException.class, () -> s.userRegister(PerfRegisters.BX));

            assertEquals(8, s.stackSize());
            assertEquals(16, s.stackDumpSize());
            assertEquals("stack by", file.bytes().paddedString(s.stackOffset(), s.stackSize()));

            assertEquals(9L | 8L << 32 | 7L << 48, s.weight());
            assertEquals(0x5080021, s.dataSource());
            assertEquals(0x33, s.transaction());
            assertEquals(PerfRegisters.ABI_32, s.interruptRegisterAbi());
            assertEquals(INTERRUPT_MASK, s.interruptRegisterMask());
            assertEquals(0x401004, s.interruptRegister(PerfRegisters.IP));
            assertEquals(0xf5, s.interruptRegister(PerfRegisters.R15));
            assertEquals(0x123456, s.physicalAddress());
            assertEquals(0xc9, s.cgroup());
            assertEquals(4096, s.dataPageSize());
            assertEquals(2_097_152, s.codePageSize());
            assertEquals("auxtrace", file.bytes().paddedString(s.auxOffset(), s.auxSize()));
            assertEquals(s.offset() + s.size(), s.contentEnd());
            assertFalse(record.next());
        }
    }

    /** Whatever is cut off, in steps of four bytes: the sample is refused, with a reason inside of it. */
    @Test
    void refusesEveryShorterSample(@TempDir Path dir) throws Exception {
        byte[] whole = RawRecording.record(9, 2, everything());
        for (int size = 8; size < whole.length; size += 4) {
            byte[] cut = java.util.Arrays.copyOf(whole, size);
            cut[6] = (byte) size;
            cut[7] = (byte) (size >> 8);
            // A record behind it, so that reading too far would not fail by itself.
            try (PerfFile file =
                    recordingOfEverything().addRaw(cut).addRaw(whole).open(dir)) {
                SampleCursor s = file.samples();
                long offset = file.recordsStart();
                assertFalse(s.moveTo(offset), "a sample cut to " + size + " bytes");
                assertNotNull(s.fault());
                assertTrue(s.faultOffset() >= offset && s.faultOffset() <= offset + size);
                Anomalies anomalies = new Anomalies();
                s.countFault(anomalies);
                assertEquals(1, anomalies.count(Anomalies.Kind.BAD_SAMPLE));
                assertThrows(IllegalStateException.class, s::ip);
                assertTrue(s.moveTo(offset + size));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {5, 6, 1L << 60, -1, Long.MIN_VALUE, 0x2000_0000_0000_0001L})
    void refusesCountsThatDoNotFit(long count, @TempDir Path dir) throws Exception {
        for (long field :
                new long[] {SampleType.CALLCHAIN, SampleType.STACK_USER, SampleType.AUX, SampleType.BRANCH_STACK}) {
            boolean ofBytes = field == SampleType.STACK_USER || field == SampleType.AUX;
            long scaled = ofBytes && count > 0 && count < 100 ? count * 8 : count;
            try (PerfFile file = new RawRecording()
                    .event(SampleType.IP | field)
                    .add(9, 2, 0x401000L, scaled, 1L, 2L, 3L, 4L)
                    .open(dir)) {
                SampleCursor s = file.samples();
                assertFalse(s.moveTo(file.recordsStart()), "field 0x" + Long.toHexString(field) + ", count " + scaled);
            }
        }
    }

    @Test
    void aStackDumpCannotClaimMoreThanItHas(@TempDir Path dir) throws Exception {
        try (PerfFile file = new RawRecording()
                .event(SampleType.STACK_USER)
                .add(9, 2, 8L, 0L, 9L)
                .add(9, 2, 8L, 0L, 8L)
                .add(9, 2, 0L) // A kernel thread has no stack, and then no second size.
                .open(dir)) {
            SampleCursor s = file.samples();
            assertFalse(s.moveTo(file.recordsStart()));
            assertEquals("a user stack that claims more bytes than its dump has", s.fault());
            assertTrue(s.moveTo(file.recordsStart() + 32));
            assertEquals(8, s.stackSize());
            assertTrue(s.moveTo(file.recordsStart() + 64));
            assertEquals(0, s.stackSize());
            assertEquals(0, s.stackDumpSize());
        }
    }

    @Test
    void noRegistersWithoutAnAbi(@TempDir Path dir) throws Exception {
        byte[] attr = RawRecording.attr(SampleType.REGS_USER | SampleType.REGS_INTR, 0, 0, USER_MASK, INTERRUPT_MASK);
        try (PerfFile file = new RawRecording().event(attr).add(9, 2, 0L, 0L).open(dir)) {
            SampleCursor s = file.samples();
            assertTrue(s.moveTo(file.recordsStart()), s::fault);
            assertEquals(PerfRegisters.ABI_NONE, s.userRegisterAbi());
            assertEquals(0, s.userRegisterMask());
            assertFalse(s.hasUserRegister(PerfRegisters.IP));
            assertEquals(0, s.interruptRegisterMask());
        }
    }

    @Test
    void readsOneCounter(@TempDir Path dir) throws Exception {
        byte[] attr = RawRecording.attr(SampleType.READ, ReadFormat.TOTAL_TIME_RUNNING | ReadFormat.LOST, 0, 0, 0);
        try (PerfFile file =
                new RawRecording().event(attr).add(9, 2, 100L, 5L, 3L).open(dir)) {
            SampleCursor s = file.samples();
            assertTrue(s.moveTo(file.recordsStart()), s::fault);
            assertEquals(1, s.readCount());
            assertEquals(100, s.readValue(0));
            assertEquals(-1, s.timeEnabled());
            assertEquals(5, s.timeRunning());
            assertEquals(-1, s.readId(0));
            assertEquals(3, s.readLost(0));
        }
    }

    @Test
    void tellsWhatWasNotRecorded(@TempDir Path dir) throws Exception {
        try (PerfFile file =
                new RawRecording().event(SampleType.IP).add(9, 1, 0x1000L).open(dir)) {
            SampleCursor s = file.samples();
            assertTrue(s.moveTo(file.recordsStart()));
            assertEquals(0x1000, s.ip());
            assertEquals(-1, s.pid());
            assertEquals(-1, s.tid());
            assertEquals(-1, s.time());
            assertEquals(-1, s.cpu());
            assertEquals(1000, s.period(), "the attribute has a fixed period");
            assertEquals(-1, s.weight());
            assertEquals(-1, s.dataSource());
            assertEquals(0, s.readCount());
            assertEquals(0, s.callchainLength());
            assertFalse(s.has(SampleType.CALLCHAIN));
            assertThrows(IllegalArgumentException.class, () -> s.moveTo(0));
            assertThrows(IndexOutOfBoundsException.class, () -> s.moveTo(file.recordsEnd()));
        }
    }

    @Test
    void findsTheEventOfASampleByItsId(@TempDir Path dir) throws Exception {
        long type = SampleType.IDENTIFIER | SampleType.IP;
        try (PerfFile file = new RawRecording()
                .event(type, 10, 11)
                .event(type | SampleType.ADDR, 20)
                .add(9, 2, 11L, 0x1000L)
                .add(9, 2, 20L, 0x2000L, 0xadd7L)
                .add(9, 2, 0L, 0x3000L)
                .add(9, 2, 30L, 0x4000L)
                .open(dir)) {
            SampleCursor s = file.samples();
            long at = file.recordsStart();
            assertTrue(s.moveTo(at));
            assertEquals(0, s.eventIndex());
            assertEquals(-1, s.address());
            assertTrue(s.moveTo(at + 24));
            assertEquals(1, s.eventIndex());
            assertEquals(0xadd7, s.address());
            assertTrue(s.moveTo(at + 56));
            assertEquals(0, s.eventIndex(), "id 0 stands for the first event");
            assertFalse(s.moveTo(at + 80), "an unknown id, and events of different layout");
            Anomalies anomalies = new Anomalies();
            s.countFault(anomalies);
            assertEquals(1, anomalies.count(Anomalies.Kind.UNKNOWN_EVENT_ID));
        }
    }

    @Test
    void aSampleOfNoEventIsReadIfAllEventsAreAlike(@TempDir Path dir) throws Exception {
        long type = SampleType.ID | SampleType.IP;
        try (PerfFile file = new RawRecording()
                .event(type, 10)
                .event(type, 20)
                .add(9, 2, 0x4000L, 30L)
                .open(dir)) {
            SampleCursor s = file.samples();
            assertTrue(s.moveTo(file.recordsStart()));
            assertEquals(-1, s.eventIndex());
            assertEquals(0x4000, s.ip());
        }
    }
}
