package org.backstitch.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.kernel.KernelSnapshot;
import org.backstitch.dump.user.Snapshot;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.StopReason;

/** {@code backstitch snapshot}: one stack that was kept as a case. */
public final class SnapshotCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        Syntax syntax = Syntax.of("Print the stack of a snapshot: one thread as a directory holds it.")
                .detail(
                        "The directory has regs.txt (rip: 7f00deadbeef, a register a line), maps.txt (as /proc/PID/maps), stack.data"
                                + " (the address of the first byte in 8 bytes, little-endian, then the bytes; stack0.data, stack1.data…"
                                + " where there are several), and the files that were mapped, under their base names.")
                .detail(
                        "script, core, pid and kernel write such directories with --save-snapshot, so that a stack that comes out wrong can be"
                                + " sent, or kept as a test. It holds a piece of the stack, and whatever secrets lay there.")
                .detail(
                        "A task of a kernel has orc.txt in place of files: the unwind rows that its walk looked up, in objtool's words.")
                .operand("DIR", "The directory; nothing outside of it is used.");
        return ProcessArguments.addTo(syntax)
                .example("backstitch snapshot case --registers", "the stack, with all that is known of every frame");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        Path directory = arguments.directory("DIR").orElseThrow();
        if (KernelSnapshot.isIn(directory)) {
            printTask(directory, arguments, session);
            return ExitStatus.DONE;
        }
        try (Snapshot snapshot = Snapshot.open(directory)) {
            Set<String> visited = ProcessArguments.printThreads(
                    snapshot.process(), snapshot.process().threads(), arguments, session);
            for (MalformedInputException fault : snapshot.faults()) {
                session.say(String.valueOf(fault.getMessage()));
            }
            // A case has the files that its stack leads through, and need not have others.
            Set<String> missing = new TreeSet<>(snapshot.missingFiles());
            missing.retainAll(visited);
            ProcessArguments.sayMissing(missing, snapshot.unusableFiles(), session);
        }
        return ExitStatus.DONE;
    }

    /** A task of a kernel, as {@code backstitch kernel} prints it. */
    private static void printTask(Path directory, Arguments arguments, Session session) throws IOException {
        boolean json = arguments.choice("--format", "text", "json").equals("json");
        int maxStack = arguments.number("--max-stack", Integer.MAX_VALUE, 1, Integer.MAX_VALUE);
        try (Arena arena = Arena.ofShared()) {
            KernelSnapshot snapshot = KernelSnapshot.open(directory, arena);
            KernelCallchain chain = new KernelCallchain();
            StopReason stop = snapshot.walk(maxStack, chain);
            KernelStackWriter.of(json, session.out(), snapshot::name).write(snapshot.task(), chain, stop);
            session.say("1 tasks, " + chain.size() + " frames");
        }
    }
}
