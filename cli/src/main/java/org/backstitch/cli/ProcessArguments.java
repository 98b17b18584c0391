package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.StringJoiner;
import org.backstitch.dump.user.ProcessImage;
import org.backstitch.dump.user.SnapshotWriter;
import org.backstitch.dump.user.ThreadState;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.StopReason;

/** What the commands have in common that show threads standing still: their options, the walk, and the summary at the end. */
final class ProcessArguments {
    private ProcessArguments() {}

    /** Adds the options that say what is wanted of the stacks. */
    static Syntax addTo(Syntax syntax) {
        return syntax.flag(
                        "--registers", "Give every frame's RIP, RSP, RBP, RBX and R12 to R15, those that can be known.")
                .option("--max-stack", "N", "Frames in a chain at most (default: all).")
                .option("--threads", "N", "Threads that unwind at most (all processors); never changes the output.")
                .option("--format", "text|json", "How stacks are written (text).")
                .flag("--no-demangle", "C++ and Rust names as the linker knows them.");
    }

    /** Adds the options that choose a thread, and keep it. */
    static Syntax addChoiceTo(Syntax syntax) {
        return syntax.option("--thread", "TID", "Only this thread.")
                .option(
                        "--save-snapshot",
                        "DIR",
                        "Keep the stack of the chosen thread (or of the first) in a new directory, with the little of memory and"
                                + " files that its unwinding reads: a case for backstitch snapshot.");
    }

    /** The threads that were chosen: all, or one. */
    private static List<ThreadState> chosen(ProcessImage process, String source, Arguments arguments)
            throws UnusableInputException {
        if (!arguments.has("--thread")) {
            return arguments.has("--save-snapshot") ? process.threads().subList(0, 1) : process.threads();
        }
        int tid = arguments.number("--thread", 0, 0, Integer.MAX_VALUE);
        for (ThreadState thread : process.threads()) {
            if (Objects.equals(thread.tid(), tid)) {
                return List.of(thread);
            }
        }
        throw new UnusableInputException(source, "there is no thread " + tid + " in it");
    }

    /** Where a thread is to be kept, if that is wanted: to be asked for before the process is. */
    static Optional<Path> snapshotDirectory(Arguments arguments) throws IOException {
        return arguments.newDirectory("--save-snapshot");
    }

    /**
     * Prints the threads that were chosen, and keeps one if that is wanted.
     *
     * @param source what the process is read from, for messages
     * @param directory of {@link #snapshotDirectory}
     */
    static void printAndKeep(
            ProcessImage process, String source, Optional<Path> directory, Arguments arguments, Session session)
            throws IOException {
        List<ThreadState> threads = chosen(process, source, arguments);
        printThreads(process, threads, arguments, session);
        if (directory.isPresent()) {
            SnapshotWriter.Saved saved = SnapshotWriter.write(directory.get(), process, threads.getFirst());
            SavedSnapshots.report(directory.get(), saved, session);
        }
    }

    /**
     * Walks and writes the threads of a process, and says what came of it.
     *
     * @return the files that frames are in
     */
    static Set<String> printThreads(
            ProcessImage process, List<ThreadState> threads, Arguments arguments, Session session) throws IOException {
        boolean json = arguments.choice("--format", "text", "json").equals("json");
        StackWriter writer = StackWriter.of(json, !arguments.has("--no-demangle"), session.out());
        int limit = arguments.number("--max-stack", Callchain.UNLIMITED, 1, Integer.MAX_VALUE);
        boolean registers = arguments.has("--registers");
        int workers = arguments.number("--threads", Runtime.getRuntime().availableProcessors(), 1, 1024);
        Map<StopReason, Integer> stops = new EnumMap<>(StopReason.class);
        long[] frames = {0};
        Set<String> visited = new HashSet<>();
        ThreadWalks walks = new ThreadWalks(
                process, workers, () -> new Callchain().limit(limit).recordRegisters(registers));
        walks.inOrder(threads, (thread, chain) -> {
            writer.write(process, thread, chain);
            frames[0] += chain.size();
            for (int i = 0; i < chain.size(); i++) {
                Mapping mapping = process.addressSpace().find(chain.lookupPc(i));
                visited.add(mapping == null ? "" : mapping.path());
            }
            stops.merge(chain.stop(), 1, Integer::sum);
        });
        StringJoiner line = new StringJoiner(", ");
        line.add(String.format(Locale.ROOT, "%,d threads", threads.size()));
        line.add(String.format(Locale.ROOT, "%,d frames", frames[0]));
        stops.forEach((stop, count) -> line.add(stop.label() + " " + count));
        session.say(line.toString());
        return visited;
    }

    /** Says which binaries could not be used. */
    static void sayMissing(Set<String> missing, Map<String, String> unusable, Session session) {
        unusable.forEach((path, reason) -> session.say("not used: " + path + ": " + reason));
        if (!missing.isEmpty()) {
            session.say("not found: " + String.join(", ", missing));
        }
    }
}
