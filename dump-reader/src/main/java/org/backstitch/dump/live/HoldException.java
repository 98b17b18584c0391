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
        String scope = ptraceScope();
        return new HoldException(
                what,
                scope.equals("0")
                        ? "not permitted: it belongs to another user, or runs with more rights than you have"
                        : "not permitted: kernel.yama.ptrace_scope is " + scope
                                + (scope.equals("3") ? ", so nobody may" : ", so only root may"));
    }

    private static String ptraceScope() {
        try {
            return Files.readString(PTRACE_SCOPE).strip();
        } catch (IOException e) {
            return "0"; // a kernel without that module
        }
    }
}
