package org.backstitch.dump.live;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A running process whose threads can be held and copied, from within one thread of the operating system: the tracer.
 *
 * {@snippet :
 * List<HeldThread> threads = HeldProcess.with(pid, 1 << 20, process -> process.holdAll(ranges));
 * }
 */
public final class HeldProcess {
    /** How often the list of threads is read again, since threads may be made while others are copied. */
    private static final int MOST_ROUNDS = 100;

    /**
     * A part of the address space that can be read.
     *
     * @param start the first address
     * @param end the address behind the last one
     */
    public record Range(long start, long end) {
        boolean contains(long address) {
            return Long.compareUnsigned(address - start, end - start) < 0;
        }
    }

    /** What is done in the tracer. */
    @FunctionalInterface
    public interface Work<R> {
        /** Does it. */
        R with(HeldProcess process) throws IOException;
    }

    private final int pid;
    private final ThreadHolder holder;
    private final Map<Integer, String> notHeld = new TreeMap<>();

    private HeldProcess(int pid, ThreadHolder holder) {
        this.pid = pid;
        this.holder = holder;
    }

    /**
     * Does some work in a thread of its own, which may hold threads of the process.
     *
     * @param pid of the process
     * @param limit how many bytes of a stack are copied at most
     * @throws HoldException if there is no such process, or it cannot be looked into
     */
    public static <R> R with(int pid, int limit, Work<R> work) throws IOException {
        check(pid);
        AtomicReference<@Nullable R> result = new AtomicReference<>();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        // A platform thread is one of the operating system from its start to its end; a virtual one is not.
        Thread tracer = Thread.ofPlatform().name("tracer").daemon().start(() -> {
            try (Arena arena = Arena.ofConfined()) {
                result.set(work.with(new HeldProcess(pid, new ThreadHolder(pid, limit, arena))));
            } catch (Throwable e) {
                failure.set(e);
            }
        });
        try {
            tracer.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        switch (failure.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
        R done = result.get();
        if (done == null) {
            throw new IllegalStateException("the work has no result");
        }
        return done;
    }

    private static void check(int pid) throws HoldException {
        String what = "process " + pid;
        Path status = ProcFiles.directory(pid).resolve("status");
        String group = ProcFiles.field(status, "Tgid:");
        if (group.isEmpty()) {
            throw new HoldException(what, "there is no such process");
        }
        if (!group.equals(Integer.toString(pid))) {
            throw new HoldException(what, "it is a thread of process " + group);
        }
        if (pid == ProcessHandle.current().pid()) {
            throw new HoldException(what, "nobody can hold himself");
        }
        if (ProcFiles.field(status, "PPid:")
                .equals(Long.toString(ProcessHandle.current().pid()))) {
            // The virtual machine has a thread that waits for it, and would take the news that it has stopped for its
            // end.
            throw new HoldException(what, "it is a child of this process, which cannot both wait for it and hold it");
        }
        if (ProcFiles.field(status, "State:").startsWith("Z") && !hasOtherThreads(pid)) {
            throw new HoldException(what, "it has ended, and only waits for its parent to notice");
        }
    }

    private static boolean hasOtherThreads(int pid) {
        try {
            return ThreadHolder.threads(pid).size() > 1;
        } catch (IOException e) {
            return false; // it has ended meanwhile
        }
    }

    /**
     * A file in the process's directory of {@code /proc}.
     *
     * @throws HoldException if the process has ended, or does not belong to the user
     */
    public byte[] file(String name) throws IOException {
        try {
            return ProcFiles.read(ProcFiles.directory(pid).resolve(name));
        } catch (AccessDeniedException e) {
            throw HoldException.notPermitted("process " + pid);
        } catch (NoSuchFileException e) {
            throw new HoldException("process " + pid, "it has ended");
        }
    }

    /**
     * Holds and copies all threads, one after the other, those too that are made meanwhile.
     *
     * @param ranges the parts of the address space that can be read, by ascending address
     * @throws HoldException if none of them can be held
     */
    public List<HeldThread> holdAll(List<Range> ranges) throws IOException {
        List<HeldThread> threads = new ArrayList<>();
        Set<Integer> seen = new TreeSet<>();
        HoldException refusal = null;
        for (int round = 0; round < MOST_ROUNDS; round++) {
            Set<Integer> fresh = new TreeSet<>(ThreadHolder.threads(pid));
            fresh.removeAll(seen);
            if (fresh.isEmpty()) {
                break;
            }
            for (int tid : fresh) {
                seen.add(tid);
                try {
                    HeldThread thread = holder.hold(tid, ranges, List.of());
                    if (thread != null) {
                        threads.add(thread);
                    }
                } catch (HoldException e) {
                    refusal = refusal == null ? e : refusal;
                    notHeld.put(tid, String.valueOf(e.getMessage()));
                }
            }
            if (threads.isEmpty() && refusal != null) {
                throw refusal;
            }
        }
        threads.addAll(holder.awaitLate(ranges, notHeld));
        threads.sort(Comparator.comparingInt(HeldThread::tid));
        if (threads.isEmpty()) {
            throw notHeld.isEmpty()
                    ? new HoldException("process " + pid, "it has ended")
                    : new HoldException(notHeld.values().iterator().next());
        }
        return threads;
    }

    /**
     * Holds and copies one thread again.
     *
     * @param wanted addresses from which on as much is copied as of its stack
     * @return null if it has ended, or cannot be held any more
     */
    public @Nullable HeldThread hold(int tid, List<Range> ranges, List<Long> wanted) {
        try {
            return holder.hold(tid, ranges, wanted);
        } catch (HoldException e) {
            return null; // what was copied the first time is what there is
        }
    }

    /** The threads that could not be held, each with the reason. */
    public Map<Integer, String> notHeld() {
        return notHeld;
    }
}
