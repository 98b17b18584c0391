package org.backstitch.dump.user;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.backstitch.unwind.machine.Memory;

/** Memory that remembers which of it a walk has read. Not thread-safe. */
final class TouchedMemory implements Memory {
    /** Words nearer to each other than this, in bytes, are kept with what lies between: they are of one stack. */
    private static final long NEAR = 4096;

    /** Addresses from {@code start} to before {@code end}. */
    record Span(long start, long end) {
        long size() {
            return end - start;
        }
    }

    private final Memory memory;
    private final TreeSet<Long> words = new TreeSet<>(Long::compareUnsigned);

    TouchedMemory(Memory memory) {
        this.memory = memory;
    }

    @Override
    public boolean isReadable(long address, int length) {
        return memory.isReadable(address, length);
    }

    @Override
    public long readLong(long address) {
        long word = memory.readLong(address);
        words.add(address);
        return word;
    }

    @Override
    public Absence absence(long address) {
        return memory.absence(address);
    }

    /**
     * What was read, in few pieces.
     *
     * @param start an address that belongs to what is wanted, whether it was read or not, if it can be
     * @param more how many bytes behind each piece are wanted besides, as far as they can be read
     */
    List<Span> spans(long start, long more) {
        if (memory.isReadable(start, Long.BYTES)) {
            words.add(start);
        }
        List<Span> spans = new ArrayList<>();
        for (long word : words) {
            Span last = spans.isEmpty() ? null : spans.getLast();
            if (last != null && isNear(last.end, word)) {
                long end = word + Long.BYTES;
                spans.set(
                        spans.size() - 1,
                        new Span(last.start, Long.compareUnsigned(end, last.end) > 0 ? end : last.end));
            } else {
                spans.add(new Span(word, word + Long.BYTES));
            }
        }
        spans.replaceAll(span -> new Span(span.start, extended(span.end, more)));
        return spans;
    }

    private boolean isNear(long from, long to) {
        if (Long.compareUnsigned(to, from) > 0 && Long.compareUnsigned(to - from, NEAR) >= 0) {
            return false;
        }
        for (long at = from; Long.compareUnsigned(at, to) < 0; at += Long.BYTES) {
            if (!memory.isReadable(at, Long.BYTES)) {
                return false;
            }
        }
        return true;
    }

    /** The bytes of a span. */
    byte[] copy(Span span) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(span.size())).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < bytes.capacity(); at += Long.BYTES) {
            int word = Math.min(at, bytes.capacity() - Long.BYTES);
            bytes.putLong(word, memory.readLong(span.start + word));
        }
        return bytes.array();
    }

    private long extended(long end, long more) {
        long at = end;
        while (Long.compareUnsigned(at - end, more) < 0 && memory.isReadable(at, Long.BYTES)) {
            at += Long.BYTES;
        }
        return at;
    }
}
