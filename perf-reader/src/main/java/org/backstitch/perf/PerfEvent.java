package org.backstitch.perf;

import java.util.Arrays;

/**
 * One event of a recording: what was asked of the kernel, under which name, and the ids by which records refer to it.
 */
public final class PerfEvent {
    private final int index;
    private final String name;
    private final PerfEventAttr attr;
    private final long[] ids;

    /**
     * @param index its position among the events of its recording, from 0
     * @param name the recording's own name for it, else perf's name for its type and config
     * @param attr how it was opened
     * @param ids the ids of its instances (one for each CPU and task); may be empty
     */
    public PerfEvent(int index, String name, PerfEventAttr attr, long[] ids) {
        this.index = index;
        this.name = name;
        this.attr = attr;
        this.ids = ids.clone();
    }

    /** Its position among the events of its recording, from 0. */
    public int index() {
        return index;
    }

    /** The recording's own name for it, else perf's name for its type and config: {@code cpu-clock:u}. */
    public String name() {
        return name;
    }

    /** How it was opened. */
    public PerfEventAttr attr() {
        return attr;
    }

    /** A copy of the ids of its instances, one for each CPU and task; may be empty. */
    public long[] ids() {
        return ids.clone();
    }

    /** How many ids it has. */
    int idCount() {
        return ids.length;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PerfEvent event
                && index == event.index
                && name.equals(event.name)
                && attr.equals(event.attr)
                && Arrays.equals(ids, event.ids);
    }

    @Override
    public int hashCode() {
        return 31 * attr.hashCode() + Arrays.hashCode(ids);
    }

    @Override
    public String toString() {
        return name;
    }
}
