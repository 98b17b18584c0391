package org.backstitch.dump.live;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.Extent;
import org.backstitch.unwind.machine.PtRegs;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/**
 * Holds the threads of a running process, one after the other and each for a moment, and copies where they stand.
 *
 * <p>A thread is seized, interrupted, read, and let go (ptrace(2), "Attaching and detaching"). Seizing by itself stops nothing, and
 * what is interrupted in this way sees no signal. All of it must happen in one thread of the operating system, the tracer; should that
 * thread end, the kernel lets go of whatever it still traced, stopped or not. So a thread that is held goes on in every case:
 * {@link #hold} lets it go before it returns, however it returns, and {@link HeldProcess#with} ends the tracer.
 */
final class ThreadHolder {
    /** How long a thread may take to stop before the next one's turn comes. */
    private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(200);

    /** How long those are waited for in the end that only want a processor, on a machine where many do. */
    private static final long LONG_PATIENCE = TimeUnit.SECONDS.toNanos(5);

    /** How often it is asked what threads wait for that have not stopped yet. */
    private static final long ASK = TimeUnit.MILLISECONDS.toNanos(20);

    /** How long the tracer spins before it sleeps between looks. */
    private static final long SPIN = TimeUnit.MILLISECONDS.toNanos(2);

    /** The same where nobody else can run meanwhile: the thread that is to stop may need the processor to do so. */
    private static final long SPIN_FIRST = TimeUnit.MICROSECONDS.toNanos(20);

    private static final long NAP = TimeUnit.MICROSECONDS.toNanos(50);

    /** How often {@link #warmUp} does everything. */
    private static final int WARM = 300;

    /** {@code struct user_regs_struct} of x86-64, in bytes; that of a 32-bit program is smaller. */
    private static final int REGISTERS = 27 * Long.BYTES;

    /** What a function may use below its stack pointer (psABI, 3.2.2). */
    private static final int RED_ZONE = 128;

    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int pid;
    private final long limit;
    private final LinuxCalls calls;
    private final MemorySegment registerBuffer;

    /** When the thread that is to be held had not stopped yet. */
    private long lastSeenRunning;

    /** Threads that were interrupted and have not stopped yet, and their names: when they do, they must not wait for others. */
    private final Map<Integer, String> late = new TreeMap<>();

    /** When none of {@link #late} had stopped yet. */
    private long lateSeenRunning;

    /** Those that have stopped after all. */
    private final List<HeldThread> caught = new ArrayList<>();

    private final MemorySegment stackBuffer;

    /**
     * @param pid of the process
     * @param limit how many bytes of a stack are copied at most
     * @param arena owns the buffers
     */
    ThreadHolder(int pid, int limit, Arena arena) {
        this.pid = pid;
        this.limit = limit;
        calls = new LinuxCalls(arena);
        registerBuffer = arena.allocate(REGISTERS, Long.BYTES);
        stackBuffer = arena.allocate(2L * limit, Long.BYTES);
        stackBuffer.fill((byte) 0); // its pages are there when they are needed
        warmUp();
    }

    /**
     * Does in vain, and often enough, all that a thread will be held for: the first call of each function takes milliseconds, and so do
     * those in which the virtual machine links a place in the code, or decides to make a method handle its own (after 127 calls).
     */
    private void warmUp() {
        int self = (int) ProcessHandle.current().pid();
        MemorySegment probe = stackBuffer.asSlice(0, Long.BYTES);
        for (int i = 0; i < WARM; i++) {
            calls.registers(self, registerBuffer); // it is not traced
            calls.ptrace(LinuxCalls.PTRACE_DETACH, self, 0, 0); // nor attached to
            calls.poll(self); // nor a child
            isStopped(calls.status());
            signalOf(calls.status());
            calls.goFirst();
            calls.goWithOthers();
            calls.read(self, probe.address(), probe, Long.BYTES);
            take(
                    self,
                    List.of(new HeldProcess.Range(probe.address(), probe.address() + Long.BYTES)),
                    withStackPointer(List.of(probe.address())).subList(1, 2));
            lastSeenRunning = new Held(List.of(), System.nanoTime()).nanoseconds;
        }
    }

    private static boolean isStopped(int status) {
        return (status & 0xff) == 0x7f; // WIFSTOPPED
    }

    /**
     * Another stop than the one asked for: a signal is about to be delivered, and must be when the thread goes on. 0 if it is not so.
     */
    private static int signalOf(int status) {
        return status >> 16 == 0 ? status >> 8 & 0xff : 0;
    }

    /** The threads of the process at this moment. */
    static Set<Integer> threads(int pid) throws IOException {
        Set<Integer> tids = new TreeSet<>();
        try (var tasks = Files.newDirectoryStream(Path.of("/proc", Integer.toString(pid), "task"))) {
            for (Path task : tasks) {
                tids.add(Integer.parseInt(String.valueOf(task.getFileName())));
            }
        } catch (java.nio.file.DirectoryIteratorException e) {
            throw e.getCause();
        }
        return tids;
    }

    /**
     * Holds a thread and copies it.
     *
     * @param ranges the parts of the address space that can be read, by ascending address
     * @param wanted addresses of which as much is copied as of the stack: where other stacks are
     * @return null if the thread has ended, or does not stop for now: {@link #awaitLate} tells
     * @throws HoldException if it cannot be held
     */
    @Nullable
    HeldThread hold(int tid, List<HeldProcess.Range> ranges, List<Long> wanted) throws HoldException {
        if (calls.ptrace(LinuxCalls.PTRACE_SEIZE, tid, 0, 0) < 0) {
            int errno = calls.errno();
            if (errno == LinuxCalls.ESRCH || ProcFiles.hasEnded(pid, tid)) {
                return null;
            }
            throw HoldException.ofSeize(pid, tid, errno);
        }
        String comm = ProcFiles.comm(pid, tid);
        // Whoever has just slept is not the next to be preempted: on a busy machine, a thread would be held for as long
        // as that lasts.
        LockSupport.parkNanos(NAP);
        boolean first = calls.goFirst();
        try {
            if (calls.ptrace(LinuxCalls.PTRACE_INTERRUPT, tid, 0, 0) < 0
                    || !awaitStop(tid, comm, first ? SPIN_FIRST : SPIN, ranges)) {
                return null;
            }
            Held held = read(tid, ranges, wanted, lastSeenRunning);
            if (first) {
                calls.goWithOthers();
                first = false;
            }
            return held == null ? null : thread(tid, comm, held);
        } finally {
            if (first) {
                calls.goWithOthers();
            }
        }
    }

    /** What was read of a thread while it was held, and for how long that was. */
    private record Held(List<Piece> pieces, long nanoseconds) {}

    /** Reads a thread that has stopped into the buffers, and lets it go; null if it was killed meanwhile. */
    private @Nullable Held read(int tid, List<HeldProcess.Range> ranges, List<Long> wanted, long seenRunning)
            throws HoldException {
        int signal = signalOf(calls.status());
        boolean held = true;
        try {
            long size = calls.registers(tid, registerBuffer);
            if (size < 0) {
                return null;
            }
            if (size != REGISTERS) {
                throw new HoldException("process " + pid, "a 32-bit program");
            }
            List<Piece> pieces = take(pid, ranges, withStackPointer(wanted));
            calls.ptrace(LinuxCalls.PTRACE_DETACH, tid, 0, signal);
            held = false;
            long nanoseconds = System.nanoTime() - seenRunning;
            return new Held(pieces, nanoseconds);
        } finally {
            if (held) {
                calls.ptrace(LinuxCalls.PTRACE_DETACH, tid, 0, signal);
            }
        }
    }

    private HeldThread thread(int tid, String comm, Held held) {
        return new HeldThread(tid, comm, registers(), copy(held.pieces), held.nanoseconds);
    }

    /** Reads and lets go those of the late threads that have stopped meanwhile. */
    private void lookAfterLate(List<HeldProcess.Range> ranges) throws HoldException {
        if (late.isEmpty()) {
            return;
        }
        long now = System.nanoTime();
        for (int tid : List.copyOf(late.keySet())) {
            int found = calls.poll(tid);
            if (found == 0) {
                continue;
            }
            String comm = late.remove(tid);
            Held held =
                    found == tid && isStopped(calls.status()) ? read(tid, ranges, List.of(), lateSeenRunning) : null;
            if (held != null && comm != null) {
                caught.add(thread(tid, comm, held));
            }
        }
        lateSeenRunning = now;
    }

    /**
     * Waits for the threads that have not stopped yet as long as they only want a processor; those that wait for something else are given
     * up at once, and go on when this tracer ends.
     *
     * @param refusals takes the reason for each of those
     * @return those that have stopped after all
     */
    List<HeldThread> awaitLate(List<HeldProcess.Range> ranges, Map<Integer, String> refusals) throws HoldException {
        long begin = System.nanoTime();
        long asked = begin - ASK;
        while (!late.isEmpty() && System.nanoTime() - begin < LONG_PATIENCE) {
            lookAfterLate(ranges);
            if (System.nanoTime() - asked >= ASK) {
                asked = System.nanoTime();
                if (late.keySet().stream().noneMatch(tid -> ProcFiles.wantsProcessor(pid, tid))) {
                    break;
                }
            }
            LockSupport.parkNanos(NAP);
        }
        lookAfterLate(ranges);
        for (int tid : late.keySet()) {
            String reason = ProcFiles.wantsProcessor(pid, tid)
                    ? "it does not stop: it has not come to run for seconds"
                    : "it does not stop: the kernel lets nobody disturb it just now";
            refusals.put(tid, new HoldException("thread " + tid, reason).getMessage());
        }
        return List.copyOf(caught);
    }

    /** Waits until a thread has stopped, for a while without sleeping; false if it has ended, or is one of {@link #late} from now on. */
    private boolean awaitStop(int tid, String comm, long spin, List<HeldProcess.Range> ranges) throws HoldException {
        long begin = System.nanoTime();
        long waited = 0;
        while (true) {
            lookAfterLate(ranges);
            lastSeenRunning = begin + waited;
            int found = calls.poll(tid);
            if (found == tid) {
                return isStopped(calls.status());
            }
            if (found < 0) {
                return false;
            }
            waited = System.nanoTime() - begin;
            if (waited > PATIENCE) {
                late.put(tid, comm);
                lateSeenRunning = late.size() == 1 ? lastSeenRunning : Math.min(lateSeenRunning, lastSeenRunning);
                return false;
            }
            if (waited > spin) {
                LockSupport.parkNanos(NAP);
                waited = System.nanoTime() - begin;
            } else {
                Thread.onSpinWait();
            }
        }
    }

    private List<Long> withStackPointer(List<Long> wanted) {
        List<Long> all = new ArrayList<>(wanted.size() + 1);
        all.add(registerBuffer.get(WORD, PtRegs.offset(X86_64.RSP)) - RED_ZONE);
        all.addAll(wanted);
        return all;
    }

    /** Where in {@link #stackBuffer} some memory lies. */
    private record Piece(long address, long offset, long length) {}

    /** Copies from each of some addresses as much as its range has, up to the limit; this is what a thread waits for. */
    private List<Piece> take(int process, List<HeldProcess.Range> ranges, List<Long> addresses) {
        List<Piece> pieces = new ArrayList<>(addresses.size());
        long used = 0;
        for (long address : addresses) {
            long room = Math.min(limit, stackBuffer.byteSize() - used);
            long end = end(ranges, address);
            long length = Long.compareUnsigned(end - address, room) < 0 ? end - address : room;
            long copied = calls.read(process, address, stackBuffer.asSlice(used, length), length);
            pieces.add(new Piece(address, used, copied));
            used += copied + Long.BYTES - 1 & -Long.BYTES;
        }
        return pieces;
    }

    /** The end of the range that an address lies in; that of the address space if the map does not know it yet. */
    private static long end(List<HeldProcess.Range> ranges, long address) {
        for (HeldProcess.Range range : ranges) {
            if (range.contains(address)) {
                return range.end();
            }
        }
        return -1;
    }

    private Registers registers() {
        Registers registers = new Registers();
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, registerBuffer.get(WORD, PtRegs.offset(register)));
        }
        return registers;
    }

    private List<Extent> copy(List<Piece> pieces) {
        List<Extent> extents = new ArrayList<>();
        for (Piece piece : pieces) {
            if (piece.length > 0) {
                byte[] bytes = stackBuffer.asSlice(piece.offset, piece.length).toArray(ValueLayout.JAVA_BYTE);
                extents.add(new Extent(piece.address, Bytes.of(bytes, "memory of process " + pid)));
            }
        }
        return extents;
    }
}
