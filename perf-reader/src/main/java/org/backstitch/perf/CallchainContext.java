package org.backstitch.perf;

/**
 * The markers in a recorded callchain (linux/perf_event.h, {@code enum perf_callchain_context}): words that are no addresses but
 * say what the addresses behind them are.
 */
public final class CallchainContext {
    public static final long HYPERVISOR = -32;
    public static final long KERNEL = -128;
    public static final long USER = -512;

    /** The user part comes later; the word behind this marker is the cookie that its record will carry (Linux 6.19). */
    public static final long USER_DEFERRED = -640;

    public static final long GUEST = -2048;
    public static final long GUEST_KERNEL = -2176;
    public static final long GUEST_USER = -2560;

    /** The smallest word, unsigned, that is a marker. */
    public static final long MAX = -4095;

    private CallchainContext() {}

    /** Whether a word of a callchain is a marker rather than an address. */
    public static boolean isMarker(long word) {
        return Long.compareUnsigned(word, MAX) >= 0;
    }
}
