package org.backstitch.dump.live;

import java.util.List;
import org.backstitch.dump.Extent;
import org.backstitch.unwind.machine.Registers;

/**
 * What was copied of a running thread while it was held.
 *
 * @param tid its number
 * @param comm what it is called
 * @param registers where it stood
 * @param memory its stack from the red zone on, and what else was asked for
 * @param nanoseconds from when it was last seen not to have stopped until it was let go: it was held for no longer
 */
public record HeldThread(int tid, String comm, Registers registers, List<Extent> memory, long nanoseconds) {}
