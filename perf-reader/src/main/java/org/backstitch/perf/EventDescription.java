package org.backstitch.perf;

import org.jspecify.annotations.Nullable;

/**
 * An event as the recording describes it in one place: its attribute and the ids of its instances, and its name where that is said
 * there too.
 */
final class EventDescription {
    private final PerfEventAttr attr;
    private final long[] ids;
    private final @Nullable String name;

    EventDescription(PerfEventAttr attr, long[] ids, @Nullable String name) {
        this.attr = attr;
        this.ids = ids.clone();
        this.name = name;
    }

    PerfEventAttr attr() {
        return attr;
    }

    long[] ids() {
        return ids.clone();
    }

    @Nullable
    String name() {
        return name;
    }

    /** Whether its instances have ids. */
    boolean hasIds() {
        return ids.length > 0;
    }

    /** The id of its first instance; it has one. */
    long firstId() {
        return ids[0];
    }
}
