package org.backstitch.cli;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.backstitch.cli.output.JsonLines;
import org.backstitch.cli.output.Output;
import org.backstitch.cli.output.PlainText;
import org.backstitch.dump.user.Place;
import org.backstitch.dump.user.ProcessImage;
import org.backstitch.dump.user.SignalInfo;
import org.backstitch.dump.user.ThreadState;
import org.backstitch.symbols.Demangler;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;

/** Writes the stacks of threads that stand still: as text that reads like a recording's samples, or as JSON, one object a line. */
abstract class StackWriter {
    /** What a debugger can tell of a caller: where it is, and the registers that calls preserve. */
    private static final int[] SHOWN = {
        X86_64.RIP, X86_64.RSP, X86_64.RBP, X86_64.RBX, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15
    };

    private final @Nullable Demangler demangler;
    private final Map<String, String> demangled = new HashMap<>();

    private StackWriter(boolean demangle) {
        demangler = demangle ? Demangler.create() : null;
    }

    /** Writes a thread of a process. */
    abstract void write(ProcessImage process, ThreadState thread, Callchain chain) throws IOException;

    /**
     * Makes a writer.
     *
     * @param json as JSON, one object a line, instead of text
     * @param demangle C++ and Rust names as people write them, instead of as the linker knows them
     */
    static StackWriter of(boolean json, boolean demangle, Output out) throws IOException {
        return json ? new Json(demangle, out) : new Text(demangle, out);
    }

    /** The name of the code at a place, as it is to be read; null where it has none. */
    final @Nullable String nameOf(Place place) {
        Demangler names = demangler;
        String symbol = place.symbol();
        return symbol == null || names == null ? symbol : demangled.computeIfAbsent(symbol, names::demangle);
    }

    private static final class Text extends StackWriter {
        private static final int IP_WIDTH = 16;

        private final Output out;

        Text(boolean demangle, Output out) {
            super(demangle);
            this.out = out;
        }

        @Override
        void write(ProcessImage process, ThreadState thread, Callchain chain) throws IOException {
            String comm = thread.comm();
            out.append(comm == null ? "?" : PlainText.oneLine(comm)).append(' ');
            number(process.pid()).append('/');
            number(thread.tid()).append(": ");
            if (thread.signal().isPresent()) {
                SignalInfo signal = thread.signal().get();
                out.append(signal.name());
                if (signal.hasAddress()) {
                    out.append(" at 0x").hex(signal.address());
                }
            }
            if (thread.stopped().isPresent()) {
                out.append("stopped for ")
                        .decimal(TimeUnit.NANOSECONDS.toMicros(thread.stopped().getAsLong()))
                        .append(" us");
            }
            out.newline();
            for (int i = 0; i < chain.size(); i++) {
                writeFrame(process, chain, i);
            }
            if (chain.stop() != StopReason.END_OF_STACK) {
                out.append("\t(cut: ").append(chain.stop().label()).append(")\n");
            }
            out.newline();
        }

        private void writeFrame(ProcessImage process, Callchain chain, int index) throws IOException {
            long ip = chain.pc(index);
            out.append('\t');
            for (int digits = Math.max(1, (67 - Long.numberOfLeadingZeros(ip)) >>> 2); digits < IP_WIDTH; digits++) {
                out.append(' ');
            }
            out.hex(ip).append(' ');
            Place place = process.place(chain.lookupPc(index));
            String symbol = nameOf(place);
            if (symbol == null) {
                out.append("[unknown]");
            } else {
                out.append(PlainText.oneLine(symbol)).append("+0x").hex(ip - place.symbolStart());
            }
            out.append(" (").append(PlainText.oneLine(place.dso())).append(')');
            String via = chain.origin(index).label();
            if (via != null) {
                out.append(" [").append(via).append(']');
            }
            out.newline();
            if (chain.recordsRegisters()) {
                out.append("\t\t");
                for (int register : SHOWN) {
                    if (chain.isKnown(index, register)) {
                        out.append(' ').append(X86_64.name(register)).append('=');
                        out.hex(chain.register(index, register));
                    }
                }
                out.newline();
            }
        }

        private Output number(@Nullable Integer value) throws IOException {
            return value == null ? out.append('?') : out.decimal(value);
        }
    }

    private static final class Json extends StackWriter {
        private final JsonLines lines;

        Json(boolean demangle, Output out) throws IOException {
            super(demangle);
            lines = new JsonLines(out);
        }

        @Override
        void write(ProcessImage process, ThreadState thread, Callchain chain) throws IOException {
            lines.begin();
            number("pid", process.pid());
            number("tid", thread.tid());
            lines.text("comm", thread.comm());
            if (thread.stopped().isPresent()) {
                lines.number("stopped_ns", thread.stopped().getAsLong());
            }
            lines.generator().writeArrayFieldStart("frames");
            for (int i = 0; i < chain.size(); i++) {
                writeFrame(process, chain, i);
            }
            lines.generator().writeEndArray();
            lines.text("user_stop", chain.stop().label()).end();
        }

        private void number(String field, @Nullable Integer value) throws IOException {
            if (value == null) {
                lines.unknown(field);
            } else {
                lines.number(field, value);
            }
        }

        private void writeFrame(ProcessImage process, Callchain chain, int index) throws IOException {
            long ip = chain.pc(index);
            Place place = process.place(chain.lookupPc(index));
            lines.generator().writeStartObject();
            lines.address("ip", ip).text("kind", "user").text("sym", nameOf(place));
            if (place.symbol() == null) {
                lines.unknown("off");
            } else {
                lines.number("off", ip - place.symbolStart());
            }
            lines.text("dso", place.dso());
            String via = chain.origin(index).label();
            if (via != null) {
                lines.text("via", via);
            }
            if (chain.recordsRegisters()) {
                lines.generator().writeObjectFieldStart("regs");
                for (int register : SHOWN) {
                    if (chain.isKnown(index, register)) {
                        lines.address(X86_64.name(register), chain.register(index, register));
                    }
                }
                lines.generator().writeEndObject();
            }
            lines.generator().writeEndObject();
        }
    }
}
