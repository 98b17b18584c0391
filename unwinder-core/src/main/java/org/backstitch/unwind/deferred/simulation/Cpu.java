package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** A CPU: the task that runs on it and those that wait for it, its events and their buffer, and the interrupts that wait. */
final class Cpu {
    final int number;
    final Task idle;
    final RingBuffer buffer;
    final List<SampledEvent> events = new ArrayList<>();
    final Deque<Task> queue = new ArrayDeque<>();
    Task current;
    long cookiesMade;

    // Interrupts that wait until they are enabled.
    boolean selfInterruptPending;
    boolean timerPending;
    boolean reschedulePending;

    Cpu(int number, Task idle, int bufferBytes) {
        this.number = number;
        this.idle = idle;
        this.current = idle;
        this.buffer = new RingBuffer(bufferBytes);
    }
}
