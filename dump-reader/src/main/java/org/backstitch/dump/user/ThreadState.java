package org.backstitch.dump.user;

import java.util.Optional;
import java.util.OptionalLong;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.jspecify.annotations.Nullable;

/**
 * A thread that stands still, or stood still while it was copied.
 *
 * @param tid its number; null where it is not known
 * @param comm what it, or else its process, is called; null where that is not known
 * @param registers where it stands; not to be changed
 * @param signal what it was stopped by, where that is known
 * @param memory what was copied of memory for this thread; null where all threads of the process stand still together, and its
 *     {@linkplain ProcessImage#memory() memory} is that of all
 * @param stopped for how long a running thread was held to be copied, in nanoseconds, at most; empty for others
 */
public record ThreadState(
        @Nullable Integer tid,
        @Nullable String comm,
        Registers registers,
        Optional<SignalInfo> signal,
        @Nullable Memory memory,
        OptionalLong stopped) {
    /** A thread of a process whose threads stand still together. */
    public ThreadState(@Nullable Integer tid, @Nullable String comm, Registers registers, Optional<SignalInfo> signal) {
        this(tid, comm, registers, signal, null, OptionalLong.empty());
    }
}
