package org.backstitch.unwind.deferred.simulation;

/** A perf event on one CPU ({@code struct perf_event}): of every task that comes along, or of one task only. */
final class SampledEvent {
    private final EventSpec spec;
    private final int number;
    private final int cpu;

    /** RFC 2017: {@code pending_callchain.func}, whose being set says that the event's one work is queued. */
    private boolean workPending;

    SampledEvent(EventSpec spec, int number, int cpu) {
        this.spec = spec;
        this.number = number;
        this.cpu = cpu;
    }

    EventSpec spec() {
        return spec;
    }

    int number() {
        return number;
    }

    int cpu() {
        return cpu;
    }

    boolean isWorkPending() {
        return workPending;
    }

    void setWorkPending(boolean pending) {
        workPending = pending;
    }
}
