package org.backstitch.dump.user;

import java.util.Optional;
import org.backstitch.unwind.machine.Registers;
import org.jspecify.annotations.Nullable;

/**
 * A thread that stands still.
 *
 * @param tid its number; null where it is not known
 * @param comm what it, or else its process, is called; null where that is not known
 * @param registers where it stands; not to be changed
 * @param signal what it was stopped by, where that is known
 */
public record ThreadState(
        @Nullable Integer tid, @Nullable String comm, Registers registers, Optional<SignalInfo> signal) {}
