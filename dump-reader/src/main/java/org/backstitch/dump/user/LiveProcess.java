package org.backstitch.dump.user;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.Extent;
import org.backstitch.dump.ExtentMap;
import org.backstitch.dump.live.HeldProcess;
import org.backstitch.dump.live.HeldThread;
import org.backstitch.dump.live.HoldException;
import org.backstitch.dump.live.ProcFiles;
import org.backstitch.dump.text.MapsLine;
import org.backstitch.symbols.PerfMap;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;

/**
 * The threads of a running process, each held for a moment and copied; what is unwound is the copy, while the process runs on.
 *
 * <p>Threads are held one after the other, so that their stacks are of slightly different moments. Of each the registers are copied and
 * its stack from the red zone up to a limit. A walk that comes to another stack (from that of a signal handler, say) has the thread
 * held once more, to copy both.
 */
public final class LiveProcess implements AutoCloseable {
    /** How much of a stack is copied at most, unless the caller says otherwise: in bytes. */
    public static final int DEFAULT_STACK = 1 << 20;

    /** How often a thread is held again for stacks that its walk leads to. */
    private static final int MOST_STACKS = 3;

    private final int pid;
    private final int stackLimit;
    private final Arena arena;
    private final LiveBinaries binaries;
    private final ProcessImage process;
    private final Map<Integer, String> notHeld;
    private final List<MalformedInputException> faults = new ArrayList<>();

    /** What the tracer brings back: it ends at once, since a thread that stops late is held until then. */
    private record Copied(
            List<MapsLine> lines,
            List<HeldProcess.Range> ranges,
            AddressRanges guards,
            List<HeldThread> threads,
            Map<Integer, String> notHeld) {}

    private LiveProcess(int pid, int stackLimit, Arena arena) throws IOException {
        this.pid = pid;
        this.stackLimit = stackLimit;
        this.arena = arena;
        Copied copied = HeldProcess.with(pid, stackLimit, this::copyFrom);
        List<MapsLine> lines = copied.lines;
        notHeld = copied.notHeld;
        ProcessCode code = new ProcessCode(pid, lines);
        binaries = new LiveBinaries(pid, lines, code, arena);
        AddressSpace space = binaries.addressSpace();
        List<ThreadState> states = new ArrayList<>();
        for (HeldThread thread : copied.threads) {
            states.add(withOtherStacks(thread, copied, space, code));
        }
        Memory none = new KeptMemory(ExtentMap.EMPTY, space, copied.guards, 0);
        Optional<Path> names = perfMap();
        process = new ProcessImage(
                pid,
                states,
                space,
                none,
                binaries.binaries(),
                names.isPresent() ? PerfMap.of(Bytes.map(names.get(), arena)) : null,
                "/tmp/perf-" + nameInside() + ".map");
    }

    private Copied copyFrom(HeldProcess held) throws IOException {
        Bytes maps = Bytes.of(held.file("maps"), "/proc/" + pid + "/maps");
        List<MapsLine> lines = MapsLine.readAll(maps, faults);
        if (lines.isEmpty()) {
            throw new HoldException(
                    "process " + pid, "it has no memory of its own: a thread of the kernel, or at its end");
        }
        List<HeldProcess.Range> ranges = new ArrayList<>();
        AddressRanges.Builder guards = new AddressRanges.Builder();
        for (MapsLine line : lines) {
            if (line.isReadable()) {
                ranges.add(new HeldProcess.Range(line.start(), line.end()));
            } else {
                guards.add(line.start(), line.end());
            }
        }
        List<HeldThread> threads = held.holdAll(ranges);
        return new Copied(lines, ranges, guards.build(), threads, Map.copyOf(held.notHeld()));
    }

    /**
     * Copies the threads of a process.
     *
     * @param pid of the process
     * @param stackLimit how many bytes of a stack are copied at most
     * @throws HoldException if there is no such process, or it cannot be looked into
     */
    @SuppressWarnings("MustBeClosedChecker") // close() closes the arena; when nothing is returned, it is closed here.
    public static LiveProcess copy(int pid, int stackLimit) throws IOException {
        Arena arena = Arena.ofShared();
        try {
            return new LiveProcess(pid, stackLimit, arena);
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /** What was copied of a thread, after it was held again for as many stacks as its walk leads through. */
    private ThreadState withOtherStacks(HeldThread first, Copied copied, AddressSpace space, ProcessCode code)
            throws IOException {
        HeldThread thread = first;
        List<Long> wanted = new ArrayList<>();
        while (true) {
            CopiedMemory memory = memory(thread, space, copied.guards, code);
            ThreadState state = new ThreadState(
                    thread.tid(),
                    thread.comm(),
                    thread.registers(),
                    Optional.empty(),
                    memory,
                    OptionalLong.of(thread.nanoseconds()));
            if (wanted.size() == MOST_STACKS) {
                return state;
            }
            Callchain chain = new Callchain().recordRegisters(true);
            StackDump none = new StackDump().clear(thread.registers().sp());
            new UserUnwinder().unwind(space, thread.registers(), none, memory, chain);
            OptionalLong missing = memory.lastMissing();
            if (chain.stop() != StopReason.DUMP_EXHAUSTED || missing.isEmpty() || memory.reaches(missing.getAsLong())) {
                return state;
            }
            wanted.add(stackOf(chain, missing.getAsLong(), space));
            Optional<HeldThread> again = holdAgain(thread.tid(), copied.ranges, wanted);
            if (again.isEmpty()) {
                return state;
            }
            thread = again.get();
        }
    }

    private Optional<HeldThread> holdAgain(int tid, List<HeldProcess.Range> ranges, List<Long> wanted)
            throws IOException {
        try {
            return HeldProcess.with(pid, stackLimit, held -> Optional.ofNullable(held.hold(tid, ranges, wanted)));
        } catch (HoldException e) {
            return Optional.empty(); // it has ended: what was copied the first time is what there is
        }
    }

    /** From where on the stack is wanted in which a walk has missed an address: from the last frame's stack pointer, if it is there. */
    private static long stackOf(Callchain chain, long missing, AddressSpace space) {
        int last = chain.size() - 1;
        long pointer = chain.register(last, X86_64.RSP);
        Mapping mapping = space.find(missing);
        boolean there = chain.isKnown(last, X86_64.RSP)
                && mapping != null
                && mapping.contains(pointer)
                && Long.compareUnsigned(pointer, missing) < 0;
        return there ? pointer : missing;
    }

    private static CopiedMemory memory(HeldThread thread, AddressSpace space, AddressRanges guards, ProcessCode code) {
        ExtentMap.Builder pieces = new ExtentMap.Builder();
        for (Extent piece : thread.memory()) {
            pieces.addBehind(piece.address(), piece.bytes());
        }
        ExtentMap kept = pieces.build();
        return new CopiedMemory(
                new KeptMemory(kept, space, guards, thread.registers().sp()), kept, space, code);
    }

    /** The process's number where it runs: in its own namespace (proc(5), NSpid). */
    private String nameInside() {
        String numbers = ProcFiles.field(ProcFiles.directory(pid).resolve("status"), "NSpid:");
        String last = numbers.substring(numbers.lastIndexOf('\t') + 1).strip();
        return last.isEmpty() ? Integer.toString(pid) : last;
    }

    /** The names that the process's just-in-time compiler has left for perf. */
    private Optional<Path> perfMap() {
        Path file = ProcFiles.directory(pid).resolve("root/tmp/perf-" + nameInside() + ".map");
        return Files.isRegularFile(file) && Files.isReadable(file) ? Optional.of(file) : Optional.empty();
    }

    /** The process as it was copied. */
    public ProcessImage process() {
        return process;
    }

    /** Threads that are there and could not be copied, each with the reason. */
    public Map<Integer, String> notHeld() {
        return Collections.unmodifiableMap(new HashMap<>(notHeld));
    }

    /** What was wrong with what the kernel said. */
    public List<MalformedInputException> faults() {
        return Collections.unmodifiableList(faults);
    }

    /** Binaries that were mapped and could not be had. */
    public Set<String> missingFiles() {
        return Collections.unmodifiableSet(binaries.binaries().missing());
    }

    /** Files that were found and not used, each with the reason. */
    public Map<String, String> unusableFiles() {
        return Collections.unmodifiableMap(binaries.binaries().unusable());
    }

    /** Unmaps all files. */
    @Override
    public void close() {
        arena.close();
    }
}
