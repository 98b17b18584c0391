package org.backstitch.perf;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What was wrong in a recording that could be read all the same: for each kind how often, and where and what first.
 *
 * <p>Safe for use by several threads. The first occurrence is the one with the smallest offset, so that the account does not depend
 * on the order in which threads find the faults.
 */
public final class Anomalies {
    /** The kinds of damage. */
    public enum Kind {
        /** The file ends before the data that its header announces. */
        TRUNCATED,
        /** The header says that there are no data, as after a recording that was killed; the file's rest was read as data. */
        NOT_FINISHED,
        /** A record whose header cannot be right; reading went on at the next place that looks like records. */
        BAD_RECORD_HEADER,
        /** A record whose content does not fit its size. */
        BAD_RECORD,
        /** A sample whose fields do not fit its size. */
        BAD_SAMPLE,
        /** A record of a type that is not known; it was skipped. */
        UNKNOWN_RECORD_TYPE,
        /** A record that names an event which the recording does not describe. */
        UNKNOWN_EVENT_ID,
        /** An event whose samples may have fields that are not known. */
        UNKNOWN_SAMPLE_FIELDS,
        /** A feature section that is not what its kind promises; it was left out. */
        BAD_FEATURE,
        /** Compressed records that could not be unpacked. */
        BAD_COMPRESSION,
        /** A record of a stream that came when what happened later had been given away already, or too late to be of use. */
        OUT_OF_ORDER
    }

    /**
     * The account of one kind.
     *
     * @param kind what it is
     * @param count how often it was met, at least 1
     * @param firstOffset the smallest offset at which it was met, in bytes
     * @param firstReason what was found there
     */
    public record Entry(Kind kind, long count, long firstOffset, String firstReason) {}

    private final EnumMap<Kind, Entry> entries = new EnumMap<>(Kind.class);

    /** An empty account. */
    public Anomalies() {}

    /** Counts one. */
    public synchronized void add(Kind kind, long offset, String reason) {
        add(new Entry(kind, 1, offset, reason));
    }

    /** Adds what another account holds. */
    public void addAll(Anomalies other) {
        for (Entry entry : other.entries()) {
            add(entry);
        }
    }

    private synchronized void add(Entry entry) {
        entries.merge(entry.kind(), entry, (a, b) -> {
            Entry first = b.firstOffset() < a.firstOffset() ? b : a;
            return new Entry(a.kind(), a.count() + b.count(), first.firstOffset(), first.firstReason());
        });
    }

    /** How often {@code kind} was met. */
    public synchronized long count(Kind kind) {
        Entry entry = entries.get(kind);
        return entry == null ? 0 : entry.count();
    }

    /** The account of {@code kind}, null if it was not met. */
    public synchronized @Nullable Entry entry(Kind kind) {
        return entries.get(kind);
    }

    /** All kinds that were met, in the order of their declaration. */
    public synchronized List<Entry> entries() {
        return new ArrayList<>(entries.values());
    }

    /** Whether nothing was wrong. */
    public synchronized boolean isEmpty() {
        return entries.isEmpty();
    }

    @Override
    public String toString() {
        return entries().toString();
    }
}
