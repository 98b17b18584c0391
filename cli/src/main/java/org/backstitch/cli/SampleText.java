package org.backstitch.cli;

import java.io.IOException;
import org.backstitch.cli.output.Output;
import org.backstitch.cli.output.PlainText;
import org.backstitch.recording.Frame;
import org.backstitch.recording.ResolvedSample;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;

/** Samples as text, as {@code perf script -F comm,pid,tid,cpu,time,event,ip,sym,symoff,dso} writes them. */
final class SampleText implements ScriptCommand.SampleWriter {
    private static final int IP_WIDTH = 16;

    @Override
    public void write(ResolvedSample sample, Output out) throws IOException {
        out.append(PlainText.oneLine(sample.comm()));
        if (sample.tid() != ResolvedSample.UNKNOWN) {
            out.append(' ');
            number(sample.pid(), 5, ' ', out);
            out.append('/').decimal(sample.tid());
        }
        if (sample.cpu() != ResolvedSample.UNKNOWN) {
            out.append(" [");
            number(sample.cpu(), 3, '0', out);
            out.append(']');
        }
        out.append(' ');
        if (sample.time() != ResolvedSample.UNKNOWN) {
            number(Long.divideUnsigned(sample.time(), 1_000_000_000), 5, ' ', out);
            out.append('.');
            number(Long.remainderUnsigned(sample.time(), 1_000_000_000), 9, '0', out);
            out.append(": ");
        }
        if (sample.isLateRecord()) {
            out.append("DEFERRED CALLCHAIN [cookie: ")
                    .hex(sample.cookie())
                    .append(']')
                    .newline();
        } else {
            out.append(PlainText.oneLine(sample.eventName())).append(": ").newline();
        }
        for (int i = 0; i < sample.size(); i++) {
            writeFrame(sample, i, out);
        }
        if (sample.deferral().isLost()) {
            out.append("\t(the user callchain never came: ")
                    .append(sample.deferral().label())
                    .append(")\n");
        }
        if (isCut(sample.userStop()) && sample.deferral() == Deferral.NO) {
            out.append("\t(cut: ").append(sample.userStop().label()).append(")\n");
        }
        out.newline();
    }

    /** Whether there is more of the stack than the chain shows. */
    private static boolean isCut(StopReason stop) {
        return stop != StopReason.END_OF_STACK && stop != StopReason.RECORDED && stop != StopReason.NONE;
    }

    private static void writeFrame(ResolvedSample sample, int index, Output out) throws IOException {
        out.append('\t');
        long ip = sample.ip(index);
        for (int digits = Math.max(1, (67 - Long.numberOfLeadingZeros(ip)) >>> 2); digits < IP_WIDTH; digits++) {
            out.append(' ');
        }
        out.hex(ip).append(' ');
        Frame frame = sample.frame(index);
        String symbol = frame.symbol();
        if (symbol == null) {
            out.append("[unknown]");
        } else {
            out.append(PlainText.oneLine(symbol)).append("+0x").hex(sample.offset(index));
        }
        out.append(" (").append(PlainText.oneLine(frame.dso())).append(')');
        String via = sample.origin(index).label();
        if (via != null) {
            out.append(" [").append(via).append(']');
        }
        out.newline();
    }

    private static void number(long value, int width, char fill, Output out) throws IOException {
        String digits = Long.toString(value);
        for (int i = digits.length(); i < width; i++) {
            out.append(fill);
        }
        out.append(digits);
    }
}
