package org.backstitch.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Optional;
import org.backstitch.bytes.Bytes;
import org.backstitch.cli.output.JsonLines;
import org.backstitch.cli.output.Output;
import org.backstitch.cli.output.PlainText;
import org.backstitch.dump.kernel.KernelDump;
import org.backstitch.dump.kernel.KernelNames;
import org.backstitch.dump.kernel.KernelTask;
import org.backstitch.dump.kernel.VmCore;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.image.ElfImage;
import org.backstitch.symbols.Kallsyms;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.StopReason;
import org.jspecify.annotations.Nullable;

/** {@code backstitch kernel}: the stacks of all tasks of a crashed kernel. */
public final class KernelCommand implements Subcommand {
    private static final String KERNEL_DSO = "[kernel.kallsyms]";
    private static final String UNKNOWN_DSO = "[unknown]";

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
                .example("backstitch kernel vmcore --vmlinux vmlinux", "every task's stack")
                .example(
                        "backstitch kernel vmcore --vmlinux vmlinux --modules /lib/modules/6.1.0-50-amd64 --format json",
                        "with the modules' functions, for a script");
    }

    @Override
    public ExitStatus run(Arguments arguments, Session session) throws IOException {
        boolean json = arguments.choice("--format", "text", "json").equals("json");
        int maxStack = arguments.number("--max-stack", Integer.MAX_VALUE, 1, Integer.MAX_VALUE);
        Path file = arguments.requiredInput("VMCORE");
        Optional<Path> vmlinuxFile = arguments.input("--vmlinux");
        Optional<Path> kallsymsFile = arguments.input("--kallsyms");
        Optional<Path> modules = arguments.directory("--modules");
        try (Arena arena = Arena.ofShared()) {
            VmCore core = VmCore.open(file, arena);
            ElfFile vmlinux = vmlinuxFile.isEmpty()
                    ? null
                    : ElfImage.open(vmlinuxFile.get().toString(), arena).elf();
            Kallsyms kallsyms =
                    kallsymsFile.isEmpty() ? null : Kallsyms.inKernelOrder(Bytes.map(kallsymsFile.get(), arena));
            KernelDump dump = KernelDump.read(core, vmlinux, kallsyms);
            KernelNames names = KernelNames.of(dump, vmlinux, kallsyms, modules.orElse(null), arena);
            Printer printer = json ? new JsonPrinter(session.out(), names) : new TextPrinter(session.out(), names);
            KernelDump.Walker walker = dump.walker();
            walker.setMaxFrames(maxStack);
            KernelCallchain chain = new KernelCallchain();
            long frames = 0;
            for (KernelTask task : dump.tasks()) {
                StopReason stop = walker.walk(task, chain);
                printer.print(task, chain, stop);
                frames += chain.size();
            }
            summarize(session, dump, walker, names, frames);
        }
        return ExitStatus.DONE;
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

    /** A way to print a task. */
    private interface Printer {
        void print(KernelTask task, KernelCallchain chain, StopReason stop) throws IOException;
    }

    private static String dso(KernelNames.Name name) {
        if (!name.module().isEmpty()) {
            return name.module();
        }
        return name.symbol() == null ? UNKNOWN_DSO : KERNEL_DSO;
    }

    /** As perf script prints samples: a head line, then a line a frame, then an empty one. */
    private record TextPrinter(Output out, KernelNames names) implements Printer {
        @Override
        public void print(KernelTask task, KernelCallchain chain, StopReason stop) throws IOException {
            out.append(PlainText.oneLine(task.comm())).append(' ').decimal(task.pid());
            out.append(" [").append("%03d".formatted(task.cpu())).append("] ");
            out.append(task.running() ? "running: " : "").append(stop.label()).newline();
            for (int frame = 0; frame < chain.size(); frame++) {
                KernelNames.Name name = names.find(chain.pc(frame), isExact(task, chain, frame));
                out.append('\t').hex(chain.pc(frame)).append(' ');
                String symbol = name.symbol();
                if (symbol == null) {
                    out.append("[unknown]");
                } else {
                    out.append(PlainText.oneLine(symbol)).append("+0x").hex(name.offset());
                }
                out.append(" (").append(dso(name)).append(')');
                out.append(chain.isInterrupted(frame) ? " interrupted" : "").newline();
            }
            if (chain.hasUserFrame()) {
                out.append('\t').hex(chain.userPc()).append(" [unknown] (user)").newline();
            }
            out.newline();
        }
    }

    /** One JSON object a task. */
    private static final class JsonPrinter implements Printer {
        private final JsonLines lines;
        private final KernelNames names;

        JsonPrinter(Output out, KernelNames names) throws IOException {
            this.lines = new JsonLines(out);
            this.names = names;
        }

        @Override
        public void print(KernelTask task, KernelCallchain chain, StopReason stop) throws IOException {
            JsonGenerator generator = lines.generator();
            lines.begin()
                    .number("pid", task.pid())
                    .number("tgid", task.tgid())
                    .text("comm", task.comm())
                    .number("cpu", task.cpu());
            generator.writeArrayFieldStart("frames");
            for (int frame = 0; frame < chain.size(); frame++) {
                KernelNames.Name name = names.find(chain.pc(frame), isExact(task, chain, frame));
                generator.writeStartObject();
                lines.address("ip", chain.pc(frame)).address("sp", chain.sp(frame));
                symbol(name);
                lines.text("dso", dso(name)).text("kind", "kernel").truth("interrupted", chain.isInterrupted(frame));
                generator.writeEndObject();
            }
            if (chain.hasUserFrame()) {
                generator.writeStartObject();
                lines.address("ip", chain.userPc()).address("sp", chain.userSp());
                lines.text("sym", null).unknown("off").text("dso", UNKNOWN_DSO);
                lines.text("kind", "user").truth("interrupted", true);
                generator.writeEndObject();
            }
            generator.writeEndArray();
            lines.text("kernel_stop", stop.label()).end();
        }

        private void symbol(KernelNames.Name name) throws IOException {
            @Nullable String symbol = name.symbol();
            lines.text("sym", symbol);
            if (symbol == null) {
                lines.unknown("off");
            } else {
                lines.number("off", name.offset());
            }
        }
    }

    /** Whether a frame's pc is where it is, and not behind a call: also that of a task that has yet to run its first instruction. */
    private static boolean isExact(KernelTask task, KernelCallchain chain, int frame) {
        return chain.isInterrupted(frame) || frame == 0 && task.isNew();
    }
}
