package org.backstitch.unwind.deferred;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class EntrySharingTest {
    private final Map<Long, String> states = new HashMap<>();
    private final EntrySharing sharing =
            new EntrySharing(4, (a, b) -> Objects.requireNonNull(states.get(a)).equals(states.get(b)));
    private long sample;

    private long entry(int tid, boolean kernelMode, String state) {
        return entry(tid, kernelMode, state, 0);
    }

    private long entry(int tid, boolean kernelMode, String state, long addressSpace) {
        states.put(++sample, state);
        return sharing.entry(sample, tid, kernelMode, addressSpace);
    }

    @Test
    void samplesOfOneEntryShareIt() {
        assertEquals(0, entry(10, true, "a"));
        assertEquals(0, entry(10, true, "a"));
        assertEquals(1, entry(11, true, "a"));
        assertEquals(0, entry(10, true, "a"));
        assertEquals(2, sharing.entries());
        assertEquals(2, sharing.shared());
    }

    @Test
    void otherRegistersOrBytesBeginAnotherEntryForGood() {
        assertEquals(0, entry(10, true, "a"));
        assertEquals(1, entry(10, true, "b"));
        assertEquals(2, entry(10, true, "a"));
    }

    @Test
    void aSampleInUserModeBeginsAnEntryThoughItsStateIsTheSame() {
        assertEquals(0, entry(10, true, "a"));
        assertEquals(1, entry(10, false, "a"));
        assertEquals(2, entry(10, false, "a"));
        assertEquals(2, entry(10, true, "a"));
    }

    @Test
    void aChangedAddressSpaceBeginsAnEntry() {
        assertEquals(0, entry(10, true, "a", 1));
        assertEquals(1, entry(10, true, "a", 2));
    }

    @Test
    void aTaskThatHasGoneAndOneThatWasPushedOutBeginAnew() {
        assertEquals(0, entry(10, true, "a"));
        sharing.forget(10);
        assertEquals(1, entry(10, true, "a"));
        assertEquals(2, entry(14, true, "a"));
        assertEquals(3, entry(10, true, "a"));
    }

    @Test
    void cookiesAreTheKernels() {
        // From a recording of Linux 7.2: 30064771073 is counter 7 on CPU 0, 193273528322 counter 45 on CPU 1.
        assertEquals(30064771073L, Cookie.of(3, 0));
        assertEquals(193273528322L, Cookie.of(22, 1));
        assertEquals(1, Cookie.cpu(193273528322L));
        assertEquals(Cookie.of(5, 3), Cookie.of(5 + Cookie.PERIOD, 3));
        assertEquals(
                4,
                List.of(Cookie.of(0, 0), Cookie.of(1, 0), Cookie.of(0, 1), Cookie.of(-1, 0)).stream()
                        .distinct()
                        .count());
    }
}
