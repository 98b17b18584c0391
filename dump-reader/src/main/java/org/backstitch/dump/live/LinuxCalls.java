package org.backstitch.dump.live;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The calls of the C library that looking into another process takes: {@code ptrace(2)}, {@code waitpid(2)}, and
 * {@code process_vm_readv(2)}; and {@code sched_setscheduler(2)}, so that it is done quickly.
 *
 * <p>Each returns what the call returned; after a failure {@link #errno} says why. One object belongs to one thread: ptrace knows a
 * tracer by its thread.
 */
final class LinuxCalls {
    // linux/ptrace.h
    static final int PTRACE_DETACH = 17;
    static final int PTRACE_GETREGSET = 0x4204;
    static final int PTRACE_SEIZE = 0x4206;
    static final int PTRACE_INTERRUPT = 0x4207;

    // asm-generic/errno-base.h
    static final int EPERM = 1;
    static final int ESRCH = 3;

    /** {@code NT_PRSTATUS}: the set of general registers. */
    private static final int GENERAL_REGISTERS = 1;

    // linux/sched.h
    private static final int SCHED_OTHER = 0;
    private static final int SCHED_FIFO = 1;

    private static final int WNOHANG = 1;

    /** Wait for threads, too, whoever made them. */
    private static final int WALL = 0x4000_0000;

    private static final StructLayout CAPTURED = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CAPTURED.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    /** {@code struct iovec}: base, length. */
    private static final long IOVEC = 16;

    private final MethodHandle ptrace;
    private final MethodHandle waitpid;
    private final MethodHandle processVmReadv;
    private final MethodHandle schedSetscheduler;
    private final MemorySegment captured;
    private final MemorySegment status;
    private final MemorySegment local;
    private final MemorySegment remote;
    private final MemorySegment priority;

    /**
     * Finds the calls.
     *
     * @param arena owns the little memory that they need
     */
    LinuxCalls(Arena arena) {
        ptrace = find(
                "ptrace",
                FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG),
                Linker.Option.firstVariadicArg(1));
        waitpid = find("waitpid", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
        processVmReadv = find(
                "process_vm_readv",
                FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG));
        schedSetscheduler = find("sched_setscheduler", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
        captured = arena.allocate(CAPTURED);
        status = arena.allocate(JAVA_INT);
        local = arena.allocate(IOVEC, Long.BYTES);
        remote = arena.allocate(IOVEC, Long.BYTES);
        priority = arena.allocate(JAVA_INT);
    }

    private static MethodHandle find(String name, FunctionDescriptor type, Linker.Option... options) {
        Linker linker = Linker.nativeLinker();
        Linker.Option[] all = Arrays.copyOf(options, options.length + 1);
        all[options.length] = Linker.Option.captureCallState("errno");
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type, all);
    }

    /** Why the last call failed that did. */
    int errno() {
        return (int) ERRNO.get(captured, 0L);
    }

    /** {@code ptrace(request, tid, address, data)}: -1 on failure. */
    long ptrace(int request, int tid, long address, long data) {
        try {
            return (long) ptrace.invokeExact(captured, request, tid, address, data);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /**
     * Reads a stopped thread's general registers into a segment.
     *
     * @return how many bytes they have: 216 for x86-64; -1 on failure
     */
    long registers(int tid, MemorySegment into) {
        local.set(JAVA_LONG, 0, into.address());
        local.set(JAVA_LONG, Long.BYTES, into.byteSize());
        long result = ptrace(PTRACE_GETREGSET, tid, GENERAL_REGISTERS, local.address());
        long size = local.get(JAVA_LONG, Long.BYTES);
        return result < 0 ? -1 : size;
    }

    /** Whether something has happened to a traced thread: its number, 0 if nothing has, -1 on failure. {@link #status} says what. */
    int poll(int tid) {
        try {
            return (int) waitpid.invokeExact(captured, tid, status, WNOHANG | WALL);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** What the last {@link #poll} that returned a number found (waitpid(2)). */
    int status() {
        return status.get(JAVA_INT, 0);
    }

    /**
     * Copies memory of another process.
     *
     * @return how many bytes could be copied, from the first on; 0 if none could
     */
    long read(int pid, long address, MemorySegment into, long length) {
        local.set(JAVA_LONG, 0, into.address());
        local.set(JAVA_LONG, Long.BYTES, length);
        remote.set(JAVA_LONG, 0, address);
        remote.set(JAVA_LONG, Long.BYTES, length);
        try {
            long copied = (long) processVmReadv.invokeExact(captured, pid, local, 1L, remote, 1L, 0L);
            return Math.max(0, copied);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /**
     * From now on nothing ordinary preempts the calling thread; false without the right to that (root's, or {@code RLIMIT_RTPRIO}).
     * Not for long: what spins in this way keeps a processor from everybody else.
     */
    boolean goFirst() {
        return schedule(SCHED_FIFO, 1);
    }

    /** From now on the calling thread is one among others again. */
    void goWithOthers() {
        schedule(SCHED_OTHER, 0);
    }

    private boolean schedule(int policy, int value) {
        priority.set(JAVA_INT, 0, value);
        try {
            return (int) schedSetscheduler.invokeExact(captured, 0, policy, priority) == 0;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** The calls themselves throw nothing. */
    private static IllegalStateException unexpected(Throwable e) {
        return new IllegalStateException("a system call could not be made: " + e, e);
    }
}
