package org.backstitch.perf;

import java.util.Locale;

/**
 * The name that perf gives to an event whose recording does not name it ({@code evsel__name} in tools/perf/util/evsel.c).
 */
final class EventNames {
    private static final String[] HARDWARE = {
        "cycles",
        "instructions",
        "cache-references",
        "cache-misses",
        "branches",
        "branch-misses",
        "bus-cycles",
        "stalled-cycles-frontend",
        "stalled-cycles-backend",
        "ref-cycles"
    };

    private static final String[] SOFTWARE = {
        "cpu-clock",
        "task-clock",
        "page-faults",
        "context-switches",
        "cpu-migrations",
        "minor-faults",
        "major-faults",
        "alignment-faults",
        "emulation-faults",
        "dummy",
        "bpf-output",
        "cgroup-switches"
    };

    private static final String[] CACHE = {"L1-dcache", "L1-icache", "LLC", "dTLB", "iTLB", "branch", "node"};

    /** For each cache, which operations it has: bit 0 load, 1 store, 2 prefetch. */
    private static final int[] CACHE_OPERATIONS = {7, 5, 7, 7, 1, 1, 7};

    private static final String[] CACHE_OPERATION = {"load", "store", "prefetch"};
    private static final String[] CACHE_ACCESSES = {"loads", "stores", "prefetches"};

    private EventNames() {}

    /** The name with its modifiers: {@code cycles:u}, {@code raw 0x1c2}. */
    static String of(PerfEventAttr attr) {
        return switch (attr.type()) {
            case PerfEventAttr.TYPE_HARDWARE -> numbered(HARDWARE, attr.config(), "unknown-hardware") + modifiers(attr);
            case PerfEventAttr.TYPE_SOFTWARE -> numbered(SOFTWARE, attr.config(), "unknown-software") + modifiers(attr);
            case PerfEventAttr.TYPE_HW_CACHE -> cache(attr.config()) + modifiers(attr);
            case PerfEventAttr.TYPE_RAW -> "raw 0x" + Long.toHexString(attr.config()) + modifiers(attr);
            case PerfEventAttr.TYPE_TRACEPOINT -> "unknown tracepoint";
            case PerfEventAttr.TYPE_BREAKPOINT -> breakpoint(attr) + modifiers(attr);
            default -> "unknown attr type: " + attr.type();
        };
    }

    private static String numbered(String[] names, long config, String otherwise) {
        return config >= 0 && config < names.length ? names[(int) config] : otherwise;
    }

    private static String cache(long config) {
        int type = (int) config & 0xff;
        int operation = (int) (config >>> 8) & 0xff;
        int result = (int) (config >>> 16) & 0xff;
        if (type >= CACHE.length) {
            return "unknown-ext-hardware-cache-type";
        }
        if (operation >= CACHE_OPERATION.length) {
            return "unknown-ext-hardware-cache-op";
        }
        if (result > 1) {
            return "unknown-ext-hardware-cache-result";
        }
        if ((CACHE_OPERATIONS[type] >>> operation & 1) == 0) {
            return "invalid-cache";
        }
        return CACHE[type] + "-" + (result == 0 ? CACHE_ACCESSES[operation] : CACHE_OPERATION[operation] + "-misses");
    }

    private static String breakpoint(PerfEventAttr attr) {
        int type = attr.breakpointType();
        return String.format(Locale.ROOT, "mem:0x%x:", attr.config1())
                + ((type & 1) != 0 ? "r" : "")
                + ((type & 2) != 0 ? "w" : "")
                + ((type & 4) != 0 ? "x" : "");
    }

    /**
     * What perf says behind the colon. The letters for host and guest are left out where the attribute has what perf asks for by
     * itself, which depends on whether anything else was asked for.
     */
    private static String modifiers(PerfEventAttr attr) {
        long flags = attr.flags();
        StringBuilder text = new StringBuilder();
        boolean guestExcludedByDefault = false;
        long privileges =
                PerfEventAttr.FLAG_EXCLUDE_KERNEL | PerfEventAttr.FLAG_EXCLUDE_USER | PerfEventAttr.FLAG_EXCLUDE_HV;
        if ((flags & privileges) != 0) {
            text.append((flags & PerfEventAttr.FLAG_EXCLUDE_KERNEL) == 0 ? "k" : "");
            text.append((flags & PerfEventAttr.FLAG_EXCLUDE_USER) == 0 ? "u" : "");
            text.append((flags & PerfEventAttr.FLAG_EXCLUDE_HV) == 0 ? "h" : "");
            guestExcludedByDefault = true;
        }
        if (attr.preciseIp() != 0) {
            text.append("p".repeat(attr.preciseIp()));
            guestExcludedByDefault = true;
        }
        boolean guestExcluded = (flags & PerfEventAttr.FLAG_EXCLUDE_GUEST) != 0;
        boolean hostExcluded = (flags & PerfEventAttr.FLAG_EXCLUDE_HOST) != 0;
        if (hostExcluded || guestExcluded == guestExcludedByDefault) {
            text.append(hostExcluded ? "" : "H");
            text.append(guestExcluded ? "" : "G");
        }
        return text.isEmpty() ? "" : ":" + text;
    }
}
