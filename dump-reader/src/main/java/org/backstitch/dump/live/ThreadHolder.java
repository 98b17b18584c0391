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
import java.util.Set;
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
    /** How long a thread may take to stop. One in an uninterruptible wait of the kernel takes as long as that lasts. */
    private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(200);

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
            lastSeenRunning = System.nanoTime();
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
     * @return null if the thread has ended
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
        boolean held = false;
        int signal = 0;
        boolean first = calls.goFirst();
        try {
            if (calls.ptrace(LinuxCalls.PTRACE_INTERRUPT, tid, 0, 0) < 0
                    || !awaitStop(tid, first ? SPIN_FIRST : SPIN)) {
                return null;
            }
            held = true;
            signal = signalOf(calls.status());
            long size = calls.registers(tid, registerBuffer);
            if (size < 0) {
                return null; // killed meanwhile
            }
            if (size != REGISTERS) {
                throw new HoldException("process " + pid, "a 32-bit program");
            }
            List<Piece> pieces = take(pid, ranges, withStackPointer(wanted));
            calls.ptrace(LinuxCalls.PTRACE_DETACH, tid, 0, signal);
            held = false;
            long nanoseconds = System.nanoTime() - lastSeenRunning;
            if (first) {
                calls.goWithOthers();
                first = false;
            }
            return new HeldThread(tid, comm, registers(), copy(pieces), nanoseconds);
        } finally {
            if (held) {
                calls.ptrace(LinuxCalls.PTRACE_DETACH, tid, 0, signal);
            }
            if (first) {
                calls.goWithOthers();
            }
        }
    }

    /** Waits until a thread has stopped, for a while without sleeping; false if it has ended. */
    private boolean awaitStop(int tid, long spin) throws HoldException {
        long begin = System.nanoTime();
        long waited = 0;
        while (true) {
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
                throw new HoldException(
                        "thread " + tid, "it does not stop: the kernel lets nobody disturb it just now");
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
