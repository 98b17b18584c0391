package org.backstitch.recording;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Places in the order of time, against a sort of objects. */
class TimelineTest {
    private record Place(long time, long offset) {}

    private static final Comparator<Place> ORDER = Comparator.<Place>comparingLong(place -> place.time + Long.MIN_VALUE)
            .thenComparingLong(Place::offset);

    private final Timeline timeline = new Timeline();
    private final List<Place> places = new ArrayList<>();

    private void add(long time, long offset) {
        timeline.add(time, offset);
        places.add(new Place(time, offset));
    }

    private void sortAndCompare() {
        timeline.sort();
        places.sort(ORDER);
        assertEquals(places.size(), timeline.size());
        for (int i = 0; i < places.size(); i++) {
            assertEquals(places.get(i), new Place(timeline.time(i), timeline.offset(i)));
        }
    }

    /** As buffers of several processors are written one after the other, round by round: each in order, all of about the same time. */
    @ParameterizedTest
    @CsvSource({"1, 1, 0", "1, 100, 5", "2, 3, 10", "3, 50, 1", "7, 40, 300", "16, 9, 1000000"})
    void buffersOfSeveralProcessors(int processors, int perRound, int overlap) {
        Random random = new Random(processors * 1000L + perRound);
        long offset = 0;
        for (int round = 0; round < 40; round++) {
            for (int processor = 0; processor < processors; processor++) {
                long time = round * 1000L - overlap + random.nextInt(20);
                for (int i = 0; i < perRound; i++) {
                    time += random.nextInt(2000 / perRound + 1); // sometimes not at all
                    add(time, offset);
                    offset += 8;
                }
            }
            if (round % 3 == 0) {
                sortAndCompare();
            }
            if (round % 7 == 0) {
                int count = places.size() / 3;
                timeline.removeFirst(count);
                places.subList(0, count).clear();
            }
        }
        sortAndCompare();
    }

    @ParameterizedTest
    @CsvSource({"2", "10", "1000"})
    void anyOrder(int times) {
        Random random = new Random(times);
        for (int i = 0; i < 1000; i++) {
            add(random.nextInt(times), random.nextInt(100) * 1000L + i);
        }
        sortAndCompare();
    }

    @Test
    void timesAreUnsigned() {
        add(-1, 0);
        add(Long.MIN_VALUE, 8);
        add(Long.MAX_VALUE, 16);
        add(0, 24);
        timeline.sort();
        assertArrayEquals(new long[] {24, 16, 8, 0}, timeline.copyOfOffsets(0, 4));
        assertEquals(1, timeline.countUpTo(1));
        assertEquals(2, timeline.countUpTo(Long.MAX_VALUE));
        assertEquals(4, timeline.countUpTo(-1));
    }

    @Test
    void backwards() {
        for (int i = 0; i < 300; i++) {
            add(1000 - i, 8L * i);
        }
        sortAndCompare();
    }

    @Test
    void nothing() {
        sortAndCompare();
    }
}
