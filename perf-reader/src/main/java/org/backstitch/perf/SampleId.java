package org.backstitch.perf;

/**
 * Where, when and for which event a record other than a sample was written: its {@code sample_id} (linux/perf_event.h), which every
 * record of the kernel ends with if its event was opened with {@code sample_id_all}.
 *
 * <p>A field that was not recorded is -1. So is the pid or tid of a task that was already gone. In records that the perf tool made up
 * all fields are 0.
 *
 * @param pid the process, as its thread group's id
 * @param tid the thread
 * @param time in nanoseconds of the recording's clock
 * @param id the event's instance, as in {@link PerfEvent#ids}
 * @param streamId the event's instance, even if it was inherited
 * @param cpu the CPU that wrote the record
 */
public record SampleId(int pid, int tid, long time, long id, long streamId, int cpu) {
    /** Nothing was recorded. */
    public static final SampleId NONE = new SampleId(-1, -1, -1, -1, -1, -1);
}
