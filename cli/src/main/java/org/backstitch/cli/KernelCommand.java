package org.backstitch.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.kernel.KernelDump;
import org.backstitch.dump.kernel.KernelNames;
import org.backstitch.dump.kernel.KernelSnapshot;
import org.backstitch.dump.kernel.KernelSnapshotWriter;
import org.backstitch.dump.kernel.KernelTask;
import org.backstitch.dump.kernel.VmCore;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.ElfImage;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.StopReason;

/** {@code backstitch kernel}: the stacks of all tasks of a crashed kernel. */
public final class KernelCommand implements Subcommand {
    @Override
    public Syntax syntax() {
        return Syntax.of("Print the stack of every task of a kernel crash dump.")
                .detail(
                        "The stacks are those that the kernel's ORC tables describe, through interrupts, exceptions and stack"
                                + " switches. Modules unwind by the tables in the dump's memory, so their files are needed for names only.")
                .operand(
                        "VMCORE",
                        "An ELF core (dump-guest-memory, /proc/vmcore) or a kdump-compressed file (makedumpfile, dump-guest-memory"
                                + " -z), flattened or not.")
                .option(
                        "--vmlinux",
                        "FILE",
                        "The kernel's ELF file or image: symbols, types (BTF, else DWARF) and unwind tables (ORC). What it lacks is"
                                + " looked for in the dump; a complete dump of a kernel with BTF has it all.")
                .option("--modules", "DIR", "Where the modules' files are, for their symbols: /lib/modules/RELEASE.")
                .option(
                        "--kallsyms",
                        "FILE",
                        "A copy of /proc/kallsyms from the boot that crashed: names, and symbols where vmlinux has none.")
                .option("--max-stack", "N", "At most N frames a task (default: all).")
                .option("--format", "WORD", "text (the default), or json: one object a line.")
                .option("--task", "PID", "Only this task; of the idle ones, which are all 0, that of CPU 0.")
                .option(
                        "--save-snapshot",
                        "DIR",
                        "Keep the stack of the task chosen (or of the first) in a new directory, with the little of memory and unwind"
                                + " tables that its unwinding reads: a case for backstitch snapshot.")
                .example("backstitch kernel vmcore --vmlinux vmlinux", "every task's stack")
                .example(
                        "backstitch kernel vmcore --vmlinux vmlinux --modules /lib/modules/6.1.0-50-amd64 --format json",
                        "with the modules' functions, for a script")
                .example("backstitch kernel vmcore --task 4711 --save-snapshot case", "one task, kept as a case");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        boolean json = arguments.choice("--format", "text", "json").equals("json");
        int maxStack = arguments.number("--max-stack", Integer.MAX_VALUE, 1, Integer.MAX_VALUE);
        Path file = arguments.requiredInput("VMCORE");
        Optional<Path> vmlinuxFile = arguments.input("--vmlinux");
        Optional<Path> kallsymsFile = arguments.input("--kallsyms");
        Optional<Path> modules = arguments.directory("--modules");
        Optional<Path> directory = arguments.newDirectory("--save-snapshot");
        try (Arena arena = Arena.ofShared()) {
            VmCore core = VmCore.open(file, arena);
            ElfFile vmlinux = vmlinuxFile.isEmpty()
                    ? null
                    : ElfImage.open(vmlinuxFile.get().toString(), arena).elf();
            Kallsyms kallsyms =
                    kallsymsFile.isEmpty() ? null : Kallsyms.inKernelOrder(Bytes.map(kallsymsFile.get(), arena));
            KernelDump dump = KernelDump.read(core, vmlinux, kallsyms);
            KernelNames names = KernelNames.of(dump, vmlinux, kallsyms, modules.orElse(null), arena);
            KernelStackWriter writer = KernelStackWriter.of(json, session.out(), names::find);
            KernelDump.Walker walker = dump.walker();
            walker.setMaxFrames(maxStack);
            KernelCallchain chain = new KernelCallchain();
            long frames = 0;
            List<KernelTask> tasks = chosen(dump, file, arguments);
            for (KernelTask task : tasks) {
                StopReason stop = walker.walk(task, chain);
                writer.write(task, chain, stop);
                frames += chain.size();
            }
            if (directory.isPresent()) {
                save(directory.get(), dump, tasks.getFirst(), names, session);
            }
            summarize(session, dump, walker, names, frames);
        }
        return ExitStatus.DONE;
    }

    /** The tasks that were chosen: all, or one. */
    private static List<KernelTask> chosen(KernelDump dump, Path file, Arguments arguments)
            throws UnusableInputException {
        if (dump.tasks().isEmpty()) {
            throw new UnusableInputException(
                    file.toString(),
                    "no task of the kernel is in it: not a dump of a kernel, or one without its memory");
        }
        if (!arguments.has("--task") && !arguments.has("--save-snapshot")) {
            return dump.tasks();
        }
        int pid = arguments.number("--task", 0, 0, Integer.MAX_VALUE);
        for (KernelTask task : dump.tasks()) {
            if (!arguments.has("--task") || task.pid() == pid) {
                return List.of(task);
            }
        }
        throw new UnusableInputException(file.toString(), "there is no task " + pid + " in it");
    }

    /** Keeps a task, and says whether a walk of what was kept comes to the same end. */
    private static void save(Path directory, KernelDump dump, KernelTask task, KernelNames names, Session session)
            throws IOException {
        KernelSnapshotWriter.Saved saved = KernelSnapshotWriter.write(directory, dump, task, names);
        KernelCallchain again = new KernelCallchain();
        boolean same;
        try (Arena arena = Arena.ofShared()) {
            StopReason stop = KernelSnapshot.open(directory, arena).walk(Integer.MAX_VALUE, again);
            same = stop == saved.stop() && saved.chain().sameFramesAs(again);
        }
        session.say(String.format(
                Locale.ROOT,
                "%s: %,d frames (%s), %,d bytes; %s",
                directory,
                saved.chain().size(),
                saved.stop().label(),
                saved.bytes(),
                same ? "the same chain from there" : "ANOTHER CHAIN FROM THERE: please report it"));
    }

    private static void summarize(
            Session session, KernelDump dump, KernelDump.Walker walker, KernelNames names, long frames) {
        StringBuilder line =
                new StringBuilder("%d tasks, %d frames".formatted(dump.tasks().size(), frames));
        append(line, dump.unreadable(), "tasks or modules not in the dump");
        append(line, dump.core().missingBytes(), "bytes cut off from the dump");
        append(line, walker.brokenPages(), "broken pages");
        append(line, names.rejectedFiles(), "module files of other builds");
        session.say(line.toString());
    }

    private static void append(StringBuilder line, long count, String what) {
        if (count != 0) {
            line.append(", ").append(count).append(' ').append(what);
        }
    }
}
