package org.backstitch.cli;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.backstitch.cli.output.Output;
import org.backstitch.recording.Frame;
import org.backstitch.recording.ResolvedSample;
import org.backstitch.unwind.FrameOrigin;

/**
 * Samples as JSON, one object a line.
 *
 * <p>A recording has millions of frames and some ten thousands of places: what a place contributes to a line is put into bytes once,
 * and copied from then on.
 */
final class SampleJson implements ScriptCommand.SampleWriter {
    private static final JsonStringEncoder ENCODER = JsonStringEncoder.getInstance();

    private static final byte[] UNKNOWN_YET = {};

    /** What stands between a frame's ip and its offset, by the frame's id. */
    private byte[][] before = new byte[0][];

    /** What stands behind the offset. */
    private byte[][] behind = new byte[0][];

    @Override
    public void write(ResolvedSample sample, Output out) throws IOException {
        if (sample.isLateRecord()) {
            writeLateRecord(sample, out);
            return;
        }
        out.append("{\"comm\":\"").append(ENCODER.quoteAsUTF8(sample.comm())).append("\",\"pid\":");
        number(sample.pid(), out).append(",\"tid\":");
        number(sample.tid(), out).append(",\"cpu\":");
        number(sample.cpu(), out).append(",\"time_ns\":");
        number(sample.time(), out).append(",\"event\":\"").append(ENCODER.quoteAsUTF8(sample.eventName()));
        number(sample.period(), out.append("\",\"period\":")).append(",\"frames\":[");
        for (int i = 0; i < sample.size(); i++) {
            Frame frame = sample.frame(i);
            int id = frame.id();
            if (id >= before.length || before[id].length == 0) {
                remember(frame);
            }
            out.append(i == 0 ? "{\"ip\":\"" : ",{\"ip\":\"").hex(sample.ip(i)).append(before[id]);
            if (frame.symbol() != null) {
                out.decimal(sample.offset(i));
            }
            out.append(behind[id]);
            String via = sample.origin(i).label();
            if (sample.origin(i) != FrameOrigin.TABLE && via != null) {
                out.append(",\"via\":\"").append(via).append('"');
            }
            out.append('}');
        }
        out.append("],\"user_stop\":\"").append(sample.userStop().label());
        out.append("\",\"deferred\":\"").append(sample.deferral().label()).append("\"}\n");
    }

    private static void writeLateRecord(ResolvedSample record, Output out) throws IOException {
        out.append("{\"deferred_record\":{\"cookie\":\"").hex(record.cookie()).append("\",\"tid\":");
        number(record.tid(), out).append(",\"time_ns\":");
        number(record.time(), out).append(",\"ips\":[");
        for (int i = 0; i < record.size(); i++) {
            out.append(i == 0 ? "\"" : ",\"").hex(record.ip(i)).append('"');
        }
        out.append("]}}\n");
    }

    private static Output number(long value, Output out) throws IOException {
        return value == ResolvedSample.UNKNOWN ? out.append("null") : out.decimal(value);
    }

    private void remember(Frame frame) {
        if (frame.id() >= before.length) {
            int known = before.length;
            int length = Math.max(frame.id() + 1, known * 2);
            before = Arrays.copyOf(before, length);
            behind = Arrays.copyOf(behind, length);
            Arrays.fill(before, known, length, UNKNOWN_YET);
            Arrays.fill(behind, known, length, UNKNOWN_YET);
        }
        String kind = frame.isKernel() ? "kernel" : "user";
        String symbol = frame.symbol();
        String named = symbol == null ? "null,\"off\":null" : "\"" + quoted(symbol) + "\",\"off\":";
        before[frame.id()] = utf8("\",\"kind\":\"" + kind + "\",\"sym\":" + named);
        behind[frame.id()] = utf8(",\"dso\":\"" + quoted(frame.dso()) + "\"");
    }

    private static String quoted(String text) {
        return new String(ENCODER.quoteAsString(text));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
