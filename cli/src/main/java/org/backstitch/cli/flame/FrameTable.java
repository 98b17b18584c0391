package org.backstitch.cli.flame;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Frames by small numbers, counted from zero in the order in which they were met. Thread-safe. */
public final class FrameTable {
    private final Map<StackFrame, Integer> numbers = new HashMap<>();
    private final List<StackFrame> frames = new ArrayList<>();

    /** The number of a frame, a new one if it was not met before. */
    public synchronized int number(StackFrame frame) {
        Integer known = numbers.putIfAbsent(frame, frames.size());
        if (known != null) {
            return known;
        }
        frames.add(frame);
        return frames.size() - 1;
    }

    /** The frame of a number. */
    public synchronized StackFrame frame(int number) {
        return frames.get(number);
    }

    /** How many frames there are. */
    public synchronized int size() {
        return frames.size();
    }
}
