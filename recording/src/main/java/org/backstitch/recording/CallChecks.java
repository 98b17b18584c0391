package org.backstitch.recording;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** How many return addresses were checked for a call in front of them, and which have none. */
public final class CallChecks {
    private static final int MOST_PLACES = 1000;

    private long checked;
    private long unreadable;
    private long failed;
    private final TreeMap<String, Long> places = new TreeMap<>();

    CallChecks() {}

    /** Counts a return address behind a call. */
    void pass() {
        checked++;
    }

    /** Counts one whose code is not there. */
    void skip() {
        unreadable++;
    }

    /** Counts one that is behind something else. */
    void fail(String place) {
        checked++;
        fail(place, 1);
    }

    private void fail(String place, long count) {
        failed += count;
        if (places.size() < MOST_PLACES || places.containsKey(place)) {
            places.merge(place, count, Long::sum);
        }
    }

    void add(CallChecks other) {
        checked += other.checked;
        unreadable += other.unreadable;
        long named = other.places.values().stream().mapToLong(Long::longValue).sum();
        failed += other.failed - named;
        other.places.forEach(this::fail);
    }

    /** How many return addresses were looked at. */
    public long checked() {
        return checked;
    }

    /** How many could not be looked at, because their code is in no file that is at hand. */
    public long unreadable() {
        return unreadable;
    }

    /** How many of those that were looked at are not behind a call. */
    public long failed() {
        return failed;
    }

    /** Where those are, as file and address in it, and how often each was met; the first thousand places. */
    public Map<String, Long> places() {
        return Collections.unmodifiableMap(places);
    }
}
