package org.backstitch.unwind.deferred.simulation;

import java.util.HashMap;
import java.util.Map;
import org.backstitch.unwind.machine.Memory;

/**
 * The stack of a simulated process: pages, each of which may be absent from physical memory.
 *
 * <p>The process itself, when it touches an absent page, has it back before it notices. An unwinder sees the memory through a
 * {@link #window}: it reads what is present, and the window remembers the first absent page that it asked for. What becomes of that
 * is up to who unwinds: in an interrupt that must not fault the chain ends there; at the return to user mode the page is brought in.
 */
final class UserMemory {
    static final long PAGE_SIZE = 4096;

    private final long low;
    private final long high;
    private final Map<Long, Page> pages = new HashMap<>();

    private static final class Page {
        final long[] words = new long[(int) (PAGE_SIZE / Long.BYTES)];
        boolean present = true;
    }

    /** A stack from {@code low} to {@code high}, both multiples of the page size. */
    UserMemory(long low, long high) {
        this.low = low;
        this.high = high;
    }

    /** What a child process gets: the same contents, every page present. */
    UserMemory copy() {
        UserMemory copy = new UserMemory(low, high);
        pages.forEach((number, page) -> System.arraycopy(
                page.words, 0, copy.pages.computeIfAbsent(number, n -> new Page()).words, 0, page.words.length));
        return copy;
    }

    long low() {
        return low;
    }

    long high() {
        return high;
    }

    boolean contains(long address) {
        return Long.compareUnsigned(address, low) >= 0 && Long.compareUnsigned(address, high - Long.BYTES) <= 0;
    }

    private Page page(long address) {
        if (!contains(address) || (address & 7) != 0) {
            throw new IllegalStateException("the simulated program left its stack: 0x" + Long.toHexString(address));
        }
        return pages.computeIfAbsent(address / PAGE_SIZE, number -> new Page());
    }

    private static int index(long address) {
        return (int) (address % PAGE_SIZE / Long.BYTES);
    }

    /** The process reads a word; an absent page is brought in first. */
    long load(long address) {
        Page page = page(address);
        page.present = true;
        return page.words[index(address)];
    }

    /** The process, or the kernel for it, writes a word; an absent page is brought in first. */
    void store(long address, long value) {
        Page page = page(address);
        page.present = true;
        page.words[index(address)] = value;
    }

    /** Takes away the page that holds an address; nothing happens if there is none. */
    void evict(long address) {
        if (contains(address & -Long.BYTES)) {
            page(address & -Long.BYTES).present = false;
        }
    }

    /** Brings a page in, by an address in it. */
    void bringIn(long address) {
        page(address & -Long.BYTES).present = true;
    }

    /** How an unwinder sees this memory now. */
    Window window() {
        return new Window();
    }

    final class Window implements Memory {
        private long missed;

        /** The first address in an absent page that was asked for; 0 if there was none. */
        long missed() {
            return missed;
        }

        @Override
        public boolean isReadable(long address, int length) {
            // Words are aligned in a simulated stack: what is asked for never crosses pages, or it is garbage.
            if ((address & 7) != 0 || !contains(address)) {
                return false;
            }
            boolean present = page(address).present;
            if (!present && missed == 0) {
                missed = address;
            }
            return present;
        }

        @Override
        public long readLong(long address) {
            if (!isReadable(address, Long.BYTES)) {
                throw new IllegalArgumentException("0x" + Long.toHexString(address) + " cannot be read");
            }
            return page(address).words[index(address)];
        }

        @Override
        public Absence absence(long address) {
            return Absence.NOT_MAPPED;
        }
    }
}
