package org.backstitch.unwind.deferred.simulation;

import java.util.List;

/**
 * What a run starts with.
 *
 * @param protocol how samples get their user callchains
 * @param cpus 1 to 8
 * @param bufferBytes room for records on each CPU
 * @param maxStack {@code sample_max_stack}: how many addresses a sample's own callchain may have, 1 to 1024
 * @param faultsSleep whether a task whose page is brought in sleeps for it, until it is woken
 * @param events what samples; those of one interrupt come in this order
 * @param tasks the scripts of the tasks that exist from the start; task {@code i} waits on CPU {@code i} modulo the number of CPUs
 */
public record MachineConfig(
        Protocol protocol,
        int cpus,
        int bufferBytes,
        int maxStack,
        boolean faultsSleep,
        List<EventSpec> events,
        List<List<UserAction>> tasks) {
    /** {@code kernel.perf_event_max_stack}. */
    public static final int DEFAULT_MAX_STACK = 127;

    /** A buffer that no small run can fill. */
    public static final int LARGE_BUFFER = 1 << 20;

    /** Checks ranges, and keeps lists as they are now. */
    public MachineConfig {
        if (cpus < 1 || cpus > 8) {
            throw new IllegalArgumentException(cpus + " CPUs, not 1 to 8");
        }
        if (bufferBytes < 0 || maxStack < 1 || maxStack > 1024) {
            throw new IllegalArgumentException("a buffer of " + bufferBytes + " bytes, chains of " + maxStack);
        }
        if (events.isEmpty() || events.size() > 8) {
            throw new IllegalArgumentException(events.size() + " events, not 1 to 8");
        }
        events = List.copyOf(events);
        tasks = tasks.stream().map(List::copyOf).toList();
    }

    /** A machine with a large buffer and one event for each CPU. */
    public static MachineConfig of(Protocol protocol, int cpus, List<List<UserAction>> tasks) {
        return new MachineConfig(
                protocol, cpus, LARGE_BUFFER, DEFAULT_MAX_STACK, false, List.of(EventSpec.PER_CPU), tasks);
    }

    /** The same with another protocol. */
    public MachineConfig with(Protocol other) {
        return new MachineConfig(other, cpus, bufferBytes, maxStack, faultsSleep, events, tasks);
    }
}
