package org.backstitch.unwind;

import java.util.HashMap;
import java.util.Map;
import org.backstitch.unwind.machine.Memory;

/** Memory in which a test has written some words; what it has not written is not there. */
final class SparseMemory implements Memory {
    private final Map<Long, Long> words = new HashMap<>();

    /** Writes a word at an address, which must be a multiple of 8. */
    SparseMemory put(long address, long value) {
        words.put(address, value);
        return this;
    }

    /** Fills a range with zeros. */
    SparseMemory zero(long start, long end) {
        for (long address = start; address < end; address += Long.BYTES) {
            words.put(address, 0L);
        }
        return this;
    }

    @Override
    public boolean isReadable(long address, int length) {
        for (long at = address & -Long.BYTES; at < address + length; at += Long.BYTES) {
            if (!words.containsKey(at)) {
                return false;
            }
        }
        return (address & 7) == 0;
    }

    @Override
    public long readLong(long address) {
        Long word = words.get(address);
        if (word == null) {
            throw new IllegalArgumentException("0x" + Long.toHexString(address));
        }
        return word;
    }

    @Override
    public Absence absence(long address) {
        return Absence.NOT_RECORDED;
    }
}
