package org.backstitch.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.UserUnwinder;

/**
 * Walks recordings and prints nanoseconds a frame: the first pass of a fresh JVM, then warm ones. Made to run beside the harnesses of
 * other unwinders, which print the same.
 */
public final class WalkMain {
    private WalkMain() {}

    /** Takes a directory and names of recordings in it; the property {@code passes} says how many warm passes there are. */
    public static void main(String[] arguments) throws IOException {
        Path directory = Path.of(arguments[0]);
        int passes = Integer.getInteger("passes", 20);
        int limit = Integer.getInteger("limit", Integer.MAX_VALUE);
        for (int i = 1; i < arguments.length; i++) {
            try (Arena arena = Arena.ofShared();
                    RecordedStacks stacks = RecordedStacks.open(directory, arguments[i], arena)) {
                measure(arguments[i], stacks, passes, Math.min(limit, stacks.size()));
            }
        }
    }

    private static void measure(String name, RecordedStacks stacks, int passes, int count) {
        UserUnwinder unwinder = new UserUnwinder();
        Callchain chain = new Callchain().limit(1024);
        long begin = System.nanoTime();
        long frames = stacks.walk(unwinder, chain, count);
        double cold = (double) (System.nanoTime() - begin) / frames;
        double warm = Double.MAX_VALUE;
        for (int pass = 0; pass < passes; pass++) {
            begin = System.nanoTime();
            stacks.walk(unwinder, chain, count);
            warm = Math.min(warm, (double) (System.nanoTime() - begin) / frames);
        }
        long[] pcs = new long[1024];
        double floor = Double.MAX_VALUE;
        long floorFrames = 1;
        for (int pass = 0; pass < passes; pass++) {
            begin = System.nanoTime();
            floorFrames = stacks.walkFramePointers(pcs, count);
            floor = Math.min(floor, (double) (System.nanoTime() - begin) / floorFrames);
        }
        chain.recordRegisters(true);
        double full = Double.MAX_VALUE;
        for (int pass = 0; pass < passes; pass++) {
            begin = System.nanoTime();
            stacks.walk(unwinder, chain, count);
            full = Math.min(full, (double) (System.nanoTime() - begin) / frames);
        }
        System.out.printf(
                "%-10s %d samples %d frames cold %.1f warm %.2f full %.2f ns/frame; frame pointers %.2f (%d frames)%n",
                name, count, frames, cold, warm, full, floor, floorFrames);
    }
}
