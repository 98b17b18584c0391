package org.backstitch.unwind.reference;

import java.util.OptionalLong;

/** What the naive evaluators may ask: registers and memory, each value there or not. */
interface NaiveMachine {
    OptionalLong register(int number);

    /** The unsigned little-endian number of {@code size} bytes at an address. */
    OptionalLong memory(long address, int size);
}
