package org.backstitch.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import org.backstitch.cli.output.JsonLines;
import org.backstitch.cli.output.Output;
import org.backstitch.cli.output.PlainText;
import org.backstitch.dump.kernel.KernelNames;
import org.backstitch.dump.kernel.KernelTask;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.StopReason;
import org.jspecify.annotations.Nullable;

/** Writes the stacks of a kernel's tasks: as text, or as JSON, one object a line. */
abstract class KernelStackWriter {
    private static final String KERNEL_DSO = "[kernel.kallsyms]";
    private static final String UNKNOWN_DSO = "[unknown]";

    /** Names addresses. */
    @FunctionalInterface
    interface Names {
        /** The name of a pc; of an exact one itself, else of the call before it. */
        KernelNames.Name find(long pc, boolean exact);
    }

    private KernelStackWriter() {}

    /** Writes a task. */
    abstract void write(KernelTask task, KernelCallchain chain, StopReason stop) throws IOException;

    /**
     * Makes a writer.
     *
     * @param json as JSON, one object a line, instead of text
     */
    static KernelStackWriter of(boolean json, Output out, Names names) throws IOException {
        return json ? new Json(out, names) : new Text(out, names);
    }

    private static String dso(KernelNames.Name name) {
        if (!name.module().isEmpty()) {
            return name.module();
        }
        return name.symbol() == null ? UNKNOWN_DSO : KERNEL_DSO;
    }

    /** As perf script prints samples: a head line, then a line a frame, then an empty one. */
    private static final class Text extends KernelStackWriter {
        private final Output out;
        private final Names names;

        Text(Output out, Names names) {
            this.out = out;
            this.names = names;
        }

        @Override
        void write(KernelTask task, KernelCallchain chain, StopReason stop) throws IOException {
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
    private static final class Json extends KernelStackWriter {
        private final JsonLines lines;
        private final Names names;

        Json(Output out, Names names) throws IOException {
            this.lines = new JsonLines(out);
            this.names = names;
        }

        @Override
        void write(KernelTask task, KernelCallchain chain, StopReason stop) throws IOException {
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
