package org.backstitch.recording;

import java.util.List;
import org.backstitch.perf.CallchainContext;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfEventAttr;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.SampleCursor;
import org.backstitch.perf.SampleType;
import org.backstitch.unwind.deferred.JoinPolicy;

/** Tells whether a sample asks for a late user callchain, and by which name its record will be known. Not thread-safe. */
final class LateRequest {
    private final List<PerfEvent> events;
    private final JoinPolicy join;
    private long name;

    LateRequest(PerfFile file, RecordingOptions options) {
        this.events = file.events();
        this.join = options.join();
    }

    /** Whether an event's samples and the records beside them say which task they are of. */
    static boolean tellsTask(PerfEventAttr attr) {
        return (attr.sampleType() & SampleType.TID) != 0 && (attr.flags() & PerfEventAttr.FLAG_SAMPLE_ID_ALL) != 0;
    }

    /** Whether the sample asks. */
    boolean read(SampleCursor sample) {
        return switch (join) {
            case COOKIE -> readCookie(sample);
            case RFC2017 -> asksAsIn2017(sample);
        };
    }

    /** What the sample asked for was named: a cookie; under the RFC of 2017 the event. */
    long name() {
        return name;
    }

    private boolean readCookie(SampleCursor sample) {
        int length = sample.callchainLength();
        for (int i = 0; i < length; i++) {
            if (sample.callchain(i) == CallchainContext.USER_DEFERRED) {
                name = i + 1 < length ? sample.callchain(i + 1) : 0;
                return true;
            }
        }
        return false;
    }

    /** Under the RFC of 2017 a sample asks by its event's attribute; it has no user part of its own then. */
    private boolean asksAsIn2017(SampleCursor sample) {
        int event = sample.eventIndex();
        if (event < 0 || (events.get(event).attr().flags() & PerfEventAttr.FLAG_DELAYED_USER_CALLCHAIN) == 0) {
            return false;
        }
        for (int i = 0; i < sample.callchainLength(); i++) {
            if (sample.callchain(i) == CallchainContext.USER) {
                return false;
            }
        }
        name = event;
        return true;
    }
}
