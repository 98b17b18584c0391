package org.backstitch.perf;

import java.util.HashMap;
import java.util.Map;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;

/**
 * The names of tracepoints, from the copies of the kernel's format files that perf puts into a recording (tools/perf/util/
 * trace-event-info.c; the head of trace-cmd.dat(5) in its sixth version):
 *
 * <pre>
 *   17 08 44 "tracing" version NUL, byte order, size of long, u32 page size
 *   "header_page" NUL u64 size, text; "header_event" NUL u64 size, text
 *   u32 count { u64 size, text }                          of ftrace itself
 *   u32 systems { name NUL, u32 count { u64 size, text } }
 * </pre>
 */
final class TracingData {
    private static final String MAGIC = "\u0017\bDtracing";
    private static final int NAME_LINES = 2;

    private TracingData() {}

    /**
     * The names ({@code sched:sched_switch}) by the id that is an event's {@link PerfEventAttr#config}.
     *
     * @throws org.backstitch.bytes.MalformedInputException if the section is not what perf writes
     */
    static Map<Long, String> names(Bytes section) {
        Cursor in = section.cursor(0);
        if (!in.slice(MAGIC.length()).paddedString(0, MAGIC.length()).equals(MAGIC)) {
            throw section.malformed(0, "tracing data that do not start as such");
        }
        in.cString(); // The version.
        in.skip(2 + 4); // Byte order, size of long, page size: the same as in the rest of the file.
        for (int i = 0; i < 2; i++) {
            in.cString();
            in.skip(in.i64());
        }
        long ftrace = in.u32();
        for (long i = 0; i < ftrace; i++) {
            in.skip(in.i64());
        }
        Map<Long, String> names = new HashMap<>();
        long systems = in.u32();
        for (long i = 0; i < systems; i++) {
            String system = in.cString();
            long count = in.u32();
            for (long j = 0; j < count; j++) {
                addName(system, in.slice(in.i64()), names);
            }
        }
        return names;
    }

    /** A format file starts with the lines {@code name: sched_switch} and {@code ID: 310}. */
    private static void addName(String system, Bytes format, Map<Long, String> names) {
        String[] lines = format.paddedString(0, format.size()).split("\n", NAME_LINES + 1);
        if (lines.length >= NAME_LINES && lines[0].startsWith("name: ") && lines[1].matches("ID: \\d{1,9}")) {
            names.put(Long.parseLong(lines[1].substring(4)), system + ":" + lines[0].substring(6));
        }
    }
}
