package org.backstitch.dump.live;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.Files;
import java.nio.file.Path;

/** A process or thread that cannot be looked into, and why. */
public final class HoldException extends IOException {
    @Serial
    private static final long serialVersionUID = 1L;

    /** How much the Yama security module forbids (Documentation/admin-guide/LSM/Yama.rst in the kernel). */
    private static final Path PTRACE_SCOPE = Path.of("/proc/sys/kernel/yama/ptrace_scope");

    /**
     * @param what cannot be looked into
     * @param reason why, in one clause
     */
    public HoldException(String what, String reason) {
        super(what + ": " + reason);
    }

    /** @param message what cannot be looked into, and why */
    HoldException(String message) {
        super(message);
    }

    static HoldException ofSeize(int pid, int tid, int errno) {
        String what = pid == tid ? "process " + pid : "thread " + tid + " of process " + pid;
        if (errno != LinuxCalls.EPERM) {
            return new HoldException(what, "it cannot be traced (errno " + errno + ")");
        }
        int tracer = ProcFiles.tracer(pid, tid);
        if (tracer != 0) {
            return new HoldException(what, "process " + tracer + " traces it already, and there can be but one");
        }
        return notPermitted(what);
    }

    /** Someone else's process, or a system that forbids it. */
    static HoldException notPermitted(String what) {
        return notPermitted(what, ptraceScope());
    }

    /**
     * What is forbidden, by what, and what may be done about it.
     *
     * @param scope kernel.yama.ptrace_scope: 0 leaves it to the user's rights, 1 allows only one's own descendants, 2 only those with
     *     CAP_SYS_PTRACE, 3 nobody, and cannot be changed before the next boot
     */
    static HoldException notPermitted(String what, String scope) {
        return new HoldException(
                what,
                switch (scope) {
                    case "0" ->
                        "not permitted: it belongs to another user, or runs with more rights than you have; root may (sudo)";
                    case "3" ->
                        "not permitted: kernel.yama.ptrace_scope is 3, so nobody may before the system is started"
                                + " without that";
                    default ->
                        "not permitted: kernel.yama.ptrace_scope is " + scope
                                + "; root may (sudo), and all once it is 0 (sysctl kernel.yama.ptrace_scope=0)";
                });
    }

    private static String ptraceScope() {
        try {
            return Files.readString(PTRACE_SCOPE).strip();
        } catch (IOException e) {
            return "0"; // a kernel without that module
        }
    }
}
