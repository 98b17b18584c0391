package org.backstitch.unwind.deferred.simulation;

import java.util.Locale;

/** How a sample gets its user callchain. */
public enum Protocol {
    /** Unwound in the interrupt, from what can be read without a fault. */
    IMMEDIATE,
    /** The proposal of July 2017: a work that is part of the event, and a thread flag that the interrupt sets. */
    RFC2017,
    /** Linux 6.19 and later: a cookie for each entry to the kernel, a work that is part of the task, and an interrupt to itself. */
    MAINLINE;

    /** The name in lower case, as scenario files write it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
