package org.backstitch.unwind.deferred;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StitcherTest {
    private final List<String> out = new ArrayList<>();

    private Stitcher stitcher(JoinPolicy policy, boolean ordered, int maxHeld) {
        return new Stitcher(
                policy,
                ordered,
                maxHeld,
                (sample, deferral, chain) ->
                        out.add(sample + " " + deferral.label() + (deferral == Deferral.STITCHED ? " " + chain : "")));
    }

    private Stitcher stitcher() {
        return stitcher(JoinPolicy.COOKIE, true, 1000);
    }

    private void assertOut(String... lines) {
        assertEquals(List.of(lines), out);
        out.clear();
    }

    @Test
    void aSampleThatAsksForNothingLeavesAtOnce() {
        Stitcher stitcher = stitcher();
        stitcher.sample(1);
        assertOut("1 no");
        assertEquals(0, stitcher.held());
    }

    @Test
    void laterSamplesWaitBehindARequestAndAllLeaveInOrder() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 7);
        stitcher.sample(2);
        stitcher.request(3, 20, 20, 9);
        stitcher.request(4, 10, 10, 7);
        stitcher.record(20, 20, 9, 900);
        assertOut();
        assertEquals(4, stitcher.held());
        stitcher.record(10, 10, 7, 700);
        assertOut("1 stitched 700", "2 no", "3 stitched 900", "4 stitched 700");
    }

    @Test
    void aSampleAfterTheRecordButBeforeTheReturnIsServedByTheSameRecord() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 7);
        stitcher.record(10, 10, 7, 700);
        stitcher.request(2, 10, 10, 7);
        assertOut("1 stitched 700", "2 stitched 700");
        stitcher.end();
        assertEquals(0, stitcher.counts().unclaimed());
    }

    @Test
    void aRecordThatPrecedesItsRequestIsKept() {
        Stitcher stitcher = stitcher();
        stitcher.record(10, 10, 7, 700);
        stitcher.request(1, 10, 10, 7);
        assertOut("1 stitched 700");
    }

    @Test
    void theSameCookieOfTwoTasksIsTwoRequests() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 7);
        stitcher.record(10, 11, 7, 711);
        assertOut();
        stitcher.end();
        assertOut("1 lost:end-of-data");
        assertEquals(1, stitcher.counts().unclaimed());
    }

    @Test
    void anExecPartsSamplesFromTheNewImagesRecord() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 7);
        stitcher.exec(10);
        stitcher.request(2, 10, 10, 7);
        stitcher.record(10, 10, 7, 700);
        assertOut("1 lost:exec", "2 stitched 700");
    }

    @Test
    void anExecByAnotherThreadReachesTheRequestsOfAllThreads() {
        // The thread that calls exec takes over its leader's id: its own old id never gets a record, nor an exit.
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 12, 7);
        stitcher.exec(10);
        stitcher.record(10, 10, 7, 700);
        assertOut("1 lost:exec");
    }

    @Test
    void anOldImagesRecordDoesNotServeTheNewImage() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 7);
        stitcher.record(10, 10, 7, 700);
        stitcher.exec(10);
        stitcher.request(2, 10, 10, 7);
        stitcher.end();
        assertOut("1 stitched 700", "2 lost:end-of-data");
    }

    @Test
    void anExitEndsTheWait() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 7);
        stitcher.request(2, 10, 11, 9);
        stitcher.exit(10, true);
        assertOut("1 lost:exit");
        stitcher.request(3, 10, 10, 7);
        stitcher.record(10, 11, 9, 900);
        assertOut("2 stitched 900", "3 lost:exit");
        stitcher.fork(10);
        stitcher.request(4, 10, 10, 7);
        stitcher.record(10, 10, 7, 701);
        assertOut("4 stitched 701");
    }

    /**
     * A recording of every CPU by Linux 7.2: the sample's request is pending when the task exits, its record follows the record of the
     * exit by a fifth of a millisecond. (The task's own events would be gone by then.)
     */
    @Test
    void aRecordMayFollowTheExitOfItsTask() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 248, 248, 11257109282818L);
        stitcher.exit(248, false);
        assertOut();
        stitcher.record(248, 248, 11257109282818L, 700);
        assertOut("1 stitched 700");
        stitcher.request(2, 248, 248, 11257109282819L);
        assertOut("2 lost:exit");
    }

    @Test
    void theReasonOfALossIsTheExitThoughItIsNoticedLater() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 1);
        stitcher.exit(10, false);
        stitcher.request(2, 11, 11, 1);
        stitcher.exit(11, false);
        stitcher.request(3, 12, 12, 1);
        stitcher.fork(10);
        assertOut("1 lost:exit");
        stitcher.end();
        assertOut("2 lost:exit", "3 lost:end-of-data");
    }

    @Test
    void aTaskThatHasGoneOnHasLostItsRecord() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 1);
        stitcher.request(2, 10, 10, 2);
        assertOut();
        stitcher.request(3, 10, 10, 3);
        assertOut("1 lost");
        stitcher.recordsLost();
        stitcher.request(4, 10, 10, 4);
        assertOut("2 lost:overflow");
    }

    @Test
    void withoutOrderNothingIsConcludedFromOtherCookies() {
        Stitcher stitcher = stitcher(JoinPolicy.COOKIE, false, 1000);
        for (int i = 0; i < 100; i++) {
            stitcher.request(i, 10, 10, i);
        }
        stitcher.record(10, 10, 0, 5);
        assertOut("0 stitched 5");
    }

    @Test
    void aCookieThatReturnsAfterAWrapNamesAnotherEntry() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 7);
        stitcher.record(10, 10, 7, 700);
        stitcher.request(2, 10, 10, 8);
        stitcher.record(10, 10, 8, 800);
        stitcher.request(3, 10, 10, 9);
        stitcher.record(10, 10, 9, 900);
        stitcher.request(4, 10, 10, 7);
        stitcher.record(10, 10, 7, 701);
        assertOut("1 stitched 700", "2 stitched 800", "3 stitched 900", "4 stitched 701");
        assertEquals(0, stitcher.counts().duplicate());
    }

    @Test
    void repeatedRecordsAreDuplicatesAndTheFirstCounts() {
        Stitcher stitcher = stitcher();
        stitcher.request(1, 10, 10, 7);
        stitcher.record(10, 10, 7, 700);
        stitcher.record(10, 10, 7, 701);
        stitcher.request(2, 10, 10, 7);
        stitcher.end();
        assertOut("1 stitched 700", "2 stitched 700");
        assertEquals(
                "2 stitched; 2 deferred records, 1 duplicate", stitcher.counts().toString());
    }

    @Test
    void theRecordOf2017ServesWhatItsTaskAskedForSinceTheLast() {
        Stitcher stitcher = stitcher(JoinPolicy.RFC2017, true, 1000);
        long event = 3;
        stitcher.request(1, 10, 10, event);
        stitcher.request(2, 10, 10, event);
        stitcher.request(3, 10, 10, 4);
        stitcher.record(10, 10, event, 700);
        stitcher.request(4, 10, 10, event);
        assertOut("1 stitched 700", "2 stitched 700");
        stitcher.record(10, 10, 4, 800);
        assertOut("3 stitched 800");
        stitcher.record(10, 10, event, 701);
        stitcher.record(10, 10, event, 702);
        stitcher.end();
        assertOut("4 stitched 701");
        assertEquals(1, stitcher.counts().unclaimed());
    }

    @Test
    void beyondTheBoundTheOldestRequestIsGivenUp() {
        Stitcher stitcher = stitcher(JoinPolicy.COOKIE, true, 2);
        stitcher.request(1, 10, 10, 7);
        stitcher.request(2, 10, 10, 7);
        stitcher.request(3, 10, 10, 7);
        assertOut("1 lost:given-up");
        stitcher.record(10, 10, 7, 700);
        assertOut("2 stitched 700", "3 stitched 700");
        stitcher.request(4, 20, 20, 1);
        stitcher.request(5, 30, 30, 1);
        // A third entry pushes out the one that nobody waits for, then one that somebody does.
        assertOut();
        stitcher.request(6, 40, 40, 1);
        assertOut("4 lost:given-up");
        stitcher.sample(7);
        assertOut("5 lost:given-up");
        stitcher.end();
        assertOut("6 lost:end-of-data", "7 no");
    }

    @Test
    void aMillionPendingSamplesStayWithinTheStatedBound() {
        long[] seen = new long[1];
        Stitcher stitcher = new Stitcher((sample, deferral, chain) -> {
            assertEquals(seen[0]++, sample);
            assertEquals(Deferral.STITCHED, deferral);
            assertEquals(sample % 1000, chain);
        });
        int million = 1_000_000;
        for (int i = 0; i < million; i++) {
            stitcher.request(i, i % 1000, i % 1000, 1);
        }
        assertEquals(million, stitcher.held());
        for (int task = 0; task < 1000; task++) {
            stitcher.record(task, task, 1, task);
        }
        assertEquals(million, seen[0]);
    }

    @Test
    void aMillionSleepingTasksEachWithItsRequest() {
        long[] seen = new long[1];
        Stitcher stitcher = new Stitcher((sample, deferral, chain) -> seen[0] += deferral == Deferral.STITCHED ? 1 : 0);
        int million = 1_000_000;
        for (int i = 0; i < million; i++) {
            stitcher.request(i, i, i, 1);
        }
        for (int i = million - 1; i >= 0; i--) {
            assertEquals(0, seen[0]);
            stitcher.record(i, i, 1, i);
        }
        assertEquals(million, seen[0]);
        assertTrue(Stitcher.DEFAULT_MAX_HELD >= million);
    }

    @Test
    void nothingMayFollowTheEnd() {
        Stitcher stitcher = stitcher();
        stitcher.end();
        assertThrows(IllegalStateException.class, () -> stitcher.sample(1));
    }
}
