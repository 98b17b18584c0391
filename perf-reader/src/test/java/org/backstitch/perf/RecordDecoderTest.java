package org.backstitch.perf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.backstitch.bytes.MalformedInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Records that no bundled recording has, laid out by hand by linux/perf_event.h. */
class RecordDecoderTest {
    @TempDir
    Path dir;

    private static final SampleId ID = new SampleId(1, 2, 3, -1, -1, -1);

    private static RawRecording recording() {
        return new RawRecording().event(SampleType.TID | SampleType.TIME);
    }

    /** Decodes a record of the kernel with this body and the {@code sample_id} {@link #ID}. */
    private PerfRecord decode(int type, int misc, Object... body) throws Exception {
        byte[] content = RawRecording.bytes(RawRecording.bytes(body), 1, 2, 3L);
        try (PerfFile file = recording().add(type, misc, content).open(dir)) {
            PerfRecord record = file.record(file.recordsStart());
            assertEquals(type < RecordType.USER_TYPE_START ? ID : SampleId.NONE, record.sampleId());
            assertEquals(new PerfRecord.Header(file.recordsStart(), type, misc, content.length + 8), record.header());
            return record;
        }
    }

    @Test
    void decodesTextPokes() throws Exception {
        PerfRecord.TextPoke poke = assertInstanceOf(
                PerfRecord.TextPoke.class,
                decode(20, 1, 0xffffffff81000000L, (short) 2, (short) 5, "\u0001\u0002abcde", new byte[5]));
        assertEquals(0xffffffff81000000L, poke.address());
        assertArrayEquals(new byte[] {1, 2}, poke.oldBytes());
        assertArrayEquals(new byte[] {'a', 'b', 'c', 'd', 'e'}, poke.newBytes());
    }

    @Test
    void decodesKernelSymbols() throws Exception {
        PerfRecord.Ksymbol symbol = assertInstanceOf(
                PerfRecord.Ksymbol.class,
                decode(17, 0, 0xffffffffc0000000L, 100, (short) 1, (short) 1, "bpf_prog\0\0\0\0\0\0\0\0"));
        assertEquals(0xffffffffc0000000L, symbol.address());
        assertEquals(100, symbol.length());
        assertEquals(1, symbol.symbolType());
        assertTrue(symbol.isUnregister());
        assertEquals("bpf_prog", symbol.name());
        PerfRecord.BpfEvent bpf = assertInstanceOf(
                PerfRecord.BpfEvent.class, decode(18, 0, (short) 2, (short) 0, 7, 0x8877665544332211L));
        assertEquals(2, bpf.eventType());
        assertEquals(7, bpf.id());
        assertEquals("1122334455667788", bpf.tag());
    }

    @Test
    void decodesThrottling() throws Exception {
        PerfRecord.Throttle off = assertInstanceOf(PerfRecord.Throttle.class, decode(5, 0, 10L, 20L, 30L));
        assertTrue(off.on());
        assertEquals(List.of(10L, 20L, 30L), List.of(off.time(), off.id(), off.streamId()));
        assertTrue(!assertInstanceOf(PerfRecord.Throttle.class, decode(6, 0, 1L, 2L, 3L))
                .on());
    }

    @Test
    void decodesTraces() throws Exception {
        PerfRecord.Aux aux = assertInstanceOf(PerfRecord.Aux.class, decode(11, 0, 10L, 20L, 1L));
        assertEquals(List.of(10L, 20L, 1L), List.of(aux.auxOffset(), aux.auxSize(), aux.flags()));
        assertEquals(
                9,
                assertInstanceOf(PerfRecord.ItraceStart.class, decode(12, 0, 9, 8))
                        .pid());
        assertEquals(
                77,
                assertInstanceOf(PerfRecord.AuxOutputHardwareId.class, decode(21, 0, 77L))
                        .hardwareId());
        PerfRecord.Auxtrace trace = assertInstanceOf(PerfRecord.Auxtrace.class, decode(71, 0, 0L, 1L, 2L, 3, 4, 5, 0));
        assertEquals(List.of(3, 4, 5), List.of(trace.index(), trace.tid(), trace.cpu()));
    }

    @Test
    void decodesSwitches() throws Exception {
        PerfRecord.SwitchCpuWide out =
                assertInstanceOf(PerfRecord.SwitchCpuWide.class, decode(15, 1 << 13 | 1 << 14, 9, 8));
        assertTrue(out.isOut());
        assertEquals(9, out.nextOrPreviousPid());
        assertEquals(8, out.nextOrPreviousTid());
        assertTrue(!assertInstanceOf(PerfRecord.Switch.class, decode(14, 0)).isOut());
    }

    @Test
    void decodesTheCallchainOf2017() throws Exception {
        byte[] body = RawRecording.bytes(2L, 0x401000L, 0x402000L, 1, 2, 3L);
        try (PerfFile file = recording()
                .add(17, 2, body)
                .add(17, 2, 3L, 0x401000L, 0x402000L, 1, 2, 3L)
                .open(dir)) {
            PerfRecord.CallchainDeferred chain = file.rfc2017Callchain(file.recordsStart());
            assertEquals(0, chain.cookie());
            assertEquals(ID, chain.sampleId());
            assertArrayEquals(new long[] {0x401000, 0x402000}, chain.addresses());
            assertThrows(MalformedInputException.class, () -> file.rfc2017Callchain(file.recordsStart() + 48));
        }
        Path path = dir.resolve("rfc.data");
        try (PerfWriter out =
                PerfWriter.create(path, List.of(new PerfEvent(0, "x", PerfEventAttr.read(attr()), new long[0])))) {
            out.rfc2017Callchain(ID, new long[] {0x401000, 0x402000, 0}, 2);
        }
        try (PerfFile file = PerfFile.open(path)) {
            long start = file.recordsStart();
            assertArrayEquals(RawRecording.record(17, 2, body), file.bytes().copy(start, 48));
        }
    }

    private static org.backstitch.bytes.Bytes attr() {
        return org.backstitch.bytes.Bytes.of(RawRecording.attr(SampleType.TID | SampleType.TIME, 0, 0, 0, 0), "attr");
    }

    /** Whatever a record's size says: too little for its content is refused, never read beyond. */
    @Test
    void refusesShortRecords() throws Exception {
        for (int type = 1; type < 90; type++) {
            if (!RecordType.isKnown(type) || type == RecordType.SAMPLE || Unpacker.isPacked(type)) {
                continue;
            }
            byte[] body = new byte[72];
            Arrays.fill(body, (byte) 0x7f);
            for (int size = 0; size <= body.length; size += 4) {
                try (PerfFile file = recording()
                        .addRaw(RawRecording.record(type, 0x7fff, Arrays.copyOf(body, size)))
                        .addRaw(body)
                        .open(dir)) {
                    PerfRecord record = file.record(file.recordsStart());
                    assertEquals(size + 8, record.header().size());
                } catch (MalformedInputException e) {
                    assertTrue(e.offset() >= 248 && e.offset() <= 248 + 8 + size, e::getMessage);
                }
            }
        }
    }

    @Test
    void namesTracepointsByTheirFormat() throws Exception {
        byte[] content = RecordingFixtures.bytes("tracepoint");
        try (PerfFile file = RawRecording.open(dir, content)) {
            assertEquals("sched:sched_switch", file.events().getFirst().name());
        }
        // Without the list of events (feature 12), which names them: only TRACING_DATA is left.
        Arrays.fill(content, 72, 104, (byte) 0);
        content[72] = 2;
        try (PerfFile file = RawRecording.open(dir, content)) {
            assertTrue(file.anomalies().isEmpty());
            assertEquals("sched:sched_switch", file.events().getFirst().name());
        }
        content[72] = 0;
        try (PerfFile file = RawRecording.open(dir, content)) {
            assertEquals("unknown tracepoint", file.events().getFirst().name());
        }
    }

    /** Five gigabytes of trace, which the file has only as a hole, lie before the last record. */
    @Test
    void readsBeyondTwoGigabytes() throws Exception {
        long hole = 5L << 30;
        byte[] head = recording()
                .addRaw(RawRecording.record(RecordType.AUXTRACE, 0, hole, 0L, 0L, 0, 0, 0, 0))
                .build();
        byte[] comm = RawRecording.record(RecordType.COMM, 0, 9, 9, "name\0\0\0\0", 9, 9, 77L);
        System.arraycopy(RawRecording.bytes(48 + hole + comm.length), 0, head, 48, 8);
        Path path = dir.resolve("large.data");
        try (FileChannel channel = FileChannel.open(
                path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            channel.write(ByteBuffer.wrap(head));
            channel.write(ByteBuffer.wrap(comm), head.length + hole);
        }
        try (PerfFile file = PerfFile.open(path)) {
            RecordCursor record = file.records();
            assertTrue(record.next());
            assertTrue(record.next());
            assertEquals(head.length + hole, record.offset());
            assertEquals(77, record.time());
            assertEquals(
                    "name",
                    assertInstanceOf(PerfRecord.Comm.class, file.record(record.offset()))
                            .comm());
            assertTrue(!record.next());
            assertTrue(file.anomalies().isEmpty());
        }
    }
}
