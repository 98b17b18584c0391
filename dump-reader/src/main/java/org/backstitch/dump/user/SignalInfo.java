package org.backstitch.dump.user;

import org.backstitch.bytes.Bytes;

/**
 * The signal that a thread was stopped by ({@code siginfo_t} of x86-64, {@code include/uapi/asm-generic/siginfo.h}).
 *
 * @param number the signal, 1 to 64
 * @param code who sent it, or what the CPU complained of: {@code si_code}
 * @param address the address that a fault was about; meaningful only if {@link #hasAddress}
 */
public record SignalInfo(int number, int code, long address) {
    private static final int CODE_OFFSET = 8;
    private static final int FIELDS_OFFSET = 16;

    /** Names of the signals 1 to 31 on x86-64 (signal(7)). */
    private static final String[] NAMES = {
        "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
        "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
        "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR",
        "SIGSYS"
    };

    private static final int SIGILL = 4;
    private static final int SIGTRAP = 5;
    private static final int SIGBUS = 7;
    private static final int SIGFPE = 8;
    private static final int SIGSEGV = 11;

    /** {@code SI_KERNEL}: what a general protection fault, whose address the CPU does not tell, is sent with. */
    private static final int SI_KERNEL = 0x80;

    /**
     * Reads what a note {@code NT_SIGINFO} holds.
     *
     * @throws org.backstitch.bytes.MalformedInputException if it is too short
     */
    static SignalInfo read(Bytes note) {
        return new SignalInfo(note.i32(0), note.i32(CODE_OFFSET), note.i64(FIELDS_OFFSET));
    }

    /** The signal's name, {@code SIGSEGV}; {@code signal 42} for those without one. */
    public String name() {
        return number >= 1 && number <= NAMES.length ? NAMES[number - 1] : "signal " + number;
    }

    /** Whether it tells of a fault at an {@link #address}: sent by the kernel, for one of the CPU's complaints. */
    public boolean hasAddress() {
        boolean fault =
                number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGTRAP;
        return fault && code > 0 && code != SI_KERNEL;
    }
}
