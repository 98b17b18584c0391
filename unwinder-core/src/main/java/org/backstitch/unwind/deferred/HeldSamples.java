package org.backstitch.unwind.deferred;

import java.util.Arrays;

/**
 * The samples that wait, oldest first: a ring of primitive arrays that grows by doubling.
 *
 * <p>A sample is named by its ticket, a number of 31 bits that stays the same when the ring grows. While it waits, a sample knows its
 * entry and the next sample that waits for the same entry; once decided, its callchain: both in the same eight bytes.
 */
final class HeldSamples {
    static final int BYTES = 17;
    static final int NONE = -1;

    private static final byte WAITING = -1;
    private static final int TICKETS = 0x7fff_ffff;

    private long[] samples = new long[16];
    private long[] values = new long[16];
    private byte[] states = new byte[16];
    private int first;
    private int size;

    int size() {
        return size;
    }

    boolean isEmpty() {
        return size == 0;
    }

    /** The ticket of the oldest sample. */
    int first() {
        return first;
    }

    /** Adds a sample that waits for an entry, and gives its ticket. */
    int add(long sample, int entry) {
        if (size == samples.length) {
            grow();
        }
        int ticket = (first + size) & TICKETS;
        size++;
        int slot = slot(ticket);
        samples[slot] = sample;
        values[slot] = (long) entry << Integer.SIZE | (NONE & 0xffff_ffffL);
        states[slot] = WAITING;
        return ticket;
    }

    void removeFirst() {
        first = (first + 1) & TICKETS;
        size--;
    }

    void decide(int ticket, Deferral deferral, long chain) {
        values[slot(ticket)] = chain;
        states[slot(ticket)] = (byte) deferral.code();
    }

    boolean isDecided(int ticket) {
        return states[slot(ticket)] != WAITING;
    }

    long sample(int ticket) {
        return samples[slot(ticket)];
    }

    /** Of a decided sample. */
    Deferral deferral(int ticket) {
        return Deferral.of(states[slot(ticket)]);
    }

    /** Of a decided sample. */
    long chain(int ticket) {
        return values[slot(ticket)];
    }

    /** The entry that a waiting sample waits for. */
    int entry(int ticket) {
        return (int) (values[slot(ticket)] >> Integer.SIZE);
    }

    /** The next sample that waits for the same entry as this waiting one, or {@link #NONE}. */
    int next(int ticket) {
        return (int) values[slot(ticket)];
    }

    void setNext(int ticket, int next) {
        int slot = slot(ticket);
        values[slot] = values[slot] >> Integer.SIZE << Integer.SIZE | (next & 0xffff_ffffL);
    }

    private int slot(int ticket) {
        return ticket & (samples.length - 1);
    }

    private void grow() {
        int old = samples.length;
        long[] oldSamples = samples;
        long[] oldValues = values;
        byte[] oldStates = states;
        samples = Arrays.copyOf(oldSamples, 2 * old);
        values = Arrays.copyOf(oldValues, 2 * old);
        states = Arrays.copyOf(oldStates, 2 * old);
        for (int i = 0; i < size; i++) {
            int ticket = (first + i) & TICKETS;
            int from = ticket & (old - 1);
            int to = slot(ticket);
            samples[to] = oldSamples[from];
            values[to] = oldValues[from];
            states[to] = oldStates[from];
        }
    }
}
