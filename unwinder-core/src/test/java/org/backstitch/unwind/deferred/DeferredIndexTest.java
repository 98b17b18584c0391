package org.backstitch.unwind.deferred;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class DeferredIndexTest {
    private static String find(DeferredIndex index, int tid, long cookie, long time) {
        return findOf(index, tid, tid, cookie, time, time);
    }

    private static String findOf(DeferredIndex index, int pid, int tid, long cookie, long time, long offset) {
        long found = index.find(pid, tid, cookie, time, offset);
        Deferral deferral = DeferredIndex.deferral(found);
        return deferral == Deferral.STITCHED ? Long.toString(found) : deferral.label();
    }

    @Test
    void servesSamplesBeforeAndAfterTheRecord() {
        DeferredIndex index = new DeferredIndex.Builder()
                .record(10, 10, 9, 300, 3)
                .record(10, 10, 7, 200, 8)
                .build(true);
        assertEquals("8", find(index, 10, 7, 150));
        assertEquals("8", find(index, 10, 7, 250));
        assertEquals("3", find(index, 10, 9, 250));
        assertEquals("lost:end-of-data", find(index, 11, 7, 150));
        assertEquals("lost", find(index, 10, 8, 150));
        assertEquals("lost:end-of-data", find(index, 10, 8, 350));
    }

    @Test
    void ofARepeatedRecordTheFirstCounts() {
        DeferredIndex index = new DeferredIndex.Builder()
                .record(10, 10, 7, 200, 9)
                .record(10, 10, 7, 200, 8)
                .record(10, 10, 5, 100, 1)
                .build(true);
        assertEquals("8", find(index, 10, 7, 250));
        StitchCounts counts = new StitchCounts();
        index.countRecords(counts);
        assertEquals(3, counts.records());
        assertEquals(1, counts.duplicate());
        assertEquals(1, counts.unclaimed());
    }

    @Test
    void aCookieThatReturnsNamesTheEntryNearby() {
        DeferredIndex.Builder builder = new DeferredIndex.Builder().record(10, 10, 7, 100, 100);
        for (int i = 1; i < 10; i++) {
            builder.record(10, 10, 1000 + i, 100 + 10 * i, 100 + i);
        }
        DeferredIndex index = builder.record(10, 10, 7, 200, 200).build(true);
        assertEquals("100", find(index, 10, 7, 105));
        assertEquals("200", find(index, 10, 7, 195));
        assertEquals("lost", find(index, 10, 7, 150));
    }

    @Test
    void anExecPartsASampleFromItsRecord() {
        DeferredIndex index = new DeferredIndex.Builder()
                .record(10, 10, 7, 200, 200)
                .exec(10, 150, 1)
                .exec(11, 160, 2)
                .record(10, 10, 8, 300, 300)
                .build(true);
        assertEquals("lost:exec", find(index, 10, 7, 140));
        assertEquals("200", find(index, 10, 7, 151));
        assertEquals("200", find(index, 10, 7, 150));
        // The thread that execs takes over its leader's id: 12 was its own.
        assertEquals("lost:exec", findOf(index, 10, 12, 7, 140, 0));
        assertEquals("lost:end-of-data", findOf(index, 10, 12, 7, 155, 0));
    }

    @Test
    void equalTimesKeepTheOrderOfTheFile() {
        DeferredIndex index = new DeferredIndex.Builder()
                .record(10, 10, 7, 100, 30)
                .exec(10, 100, 20)
                .build(true);
        assertEquals("lost:exec", findOf(index, 10, 10, 7, 100, 10));
        assertEquals("30", findOf(index, 10, 10, 7, 100, 25));
    }

    @Test
    void saysWhyARecordIsMissing() {
        DeferredIndex index = new DeferredIndex.Builder()
                .exit(10, 500, 50)
                .record(11, 11, 1, 100, 1)
                .record(11, 11, 5, 900, 5)
                .record(12, 12, 5, 400, 5)
                .fork(13, 700, 1)
                .exit(13, 600, 1)
                .lost(300, 350)
                .lost(340, 360)
                .lost(800, 800)
                .build(true);
        assertEquals("lost:exit", find(index, 10, 7, 450));
        assertEquals("lost:exit", find(index, 10, 7, 550));
        assertEquals("lost:exit", find(index, 13, 7, 650));
        assertEquals("lost:overflow", find(index, 13, 7, 750));
        assertEquals("lost:overflow", find(index, 11, 2, 355));
        assertEquals("lost:overflow", find(index, 11, 2, 361));
        assertEquals("lost", find(index, 11, 2, 801));
        assertEquals("lost", find(index, 12, 2, 361));
        assertEquals("lost:overflow", find(index, 12, 2, 360));
        assertEquals("lost:end-of-data", find(index, 12, 2, 801));
    }

    @Test
    void withoutTimesTheFirstRecordOfTaskAndCookieCounts() {
        DeferredIndex.Builder builder = new DeferredIndex.Builder();
        for (int i = 100; i > 0; i--) {
            builder.record(10, 10, i, 0, i);
        }
        DeferredIndex index = builder.record(10, 10, 50, 0, 500).build(false);
        assertEquals("50", findOf(index, 10, 10, 50, 0, 7000));
        assertEquals(100, index.size());
    }

    @Test
    void withoutTaskIdsTheCookieAloneCounts() {
        DeferredIndex index = new DeferredIndex.Builder()
                .record(10, 10, 7, 100, 1)
                .record(DeferredIndex.UNKNOWN_ID, DeferredIndex.UNKNOWN_ID, 8, 200, 2)
                .build(true);
        assertEquals("1", findOf(index, 10, 10, 7, 900, 900));
        assertEquals("2", findOf(index, DeferredIndex.UNKNOWN_ID, DeferredIndex.UNKNOWN_ID, 8, 0, 0));
    }
}
