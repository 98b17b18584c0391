package org.backstitch.dump.user;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;

/**
 * What the kernel told a program when it started it: the auxiliary vector, pairs of a type and a value (getauxval(3);
 * {@code include/uapi/linux/auxvec.h}).
 */
final class AuxiliaryVector {
    static final int AT_NULL = 0;

    /** Address of the program's headers in memory. */
    static final int AT_PHDR = 3;

    /** Size of one of them. */
    static final int AT_PHENT = 4;

    /** Their number. */
    static final int AT_PHNUM = 5;

    /** Where the dynamic linker was loaded; 0 for a program without one. */
    static final int AT_BASE = 7;

    /** Where the program itself starts. */
    static final int AT_ENTRY = 9;

    /** Address of the name under which the program was started. */
    static final int AT_EXECFN = 31;

    /** Address of the vDSO's ELF header. */
    static final int AT_SYSINFO_EHDR = 33;

    private static final int PAIR = 16;

    private final Map<Long, Long> values = new HashMap<>();

    /** A vector that says nothing. */
    AuxiliaryVector() {}

    /** The vector that a note (or {@code /proc/PID/auxv}) holds, as far as it goes. */
    AuxiliaryVector(Bytes bytes) {
        for (long at = 0; bytes.contains(at, PAIR) && bytes.i64(at) != AT_NULL; at += PAIR) {
            values.putIfAbsent(bytes.i64(at), bytes.i64(at + 8));
        }
    }

    /** The value of a type; empty if the vector does not have it, or has 0. */
    OptionalLong get(int type) {
        long value = values.getOrDefault((long) type, 0L);
        return value == 0 ? OptionalLong.empty() : OptionalLong.of(value);
    }
}
