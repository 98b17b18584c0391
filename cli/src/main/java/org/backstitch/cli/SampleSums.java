package org.backstitch.cli;

import java.util.Arrays;
import org.backstitch.cli.flame.FrameTable;
import org.backstitch.cli.flame.StackFrame;
import org.backstitch.cli.flame.StackTree;
import org.backstitch.recording.BatchWorker;
import org.backstitch.recording.Frame;
import org.backstitch.recording.ResolvedSample;

/** The samples of a recording summed up by stack, in one tree for all workers. The sums do not depend on which worker took which sample. */
final class SampleSums {
    private final boolean byFile;
    private final StackTree tree = new StackTree();
    private final FrameTable frames = new FrameTable();

    /**
     * No sums yet.
     *
     * @param byFile whether functions of the same name are told apart by their files
     */
    SampleSums(boolean byFile) {
        this.byFile = byFile;
    }

    /** A worker, for {@link org.backstitch.recording.Recording#process}: it has nothing to deliver before the end. */
    BatchWorker<Boolean> worker() {
        return new Worker();
    }

    /** The sums, complete when all workers are done. */
    StackTree tree() {
        return tree;
    }

    /** What the tree's frames are. */
    FrameTable frames() {
        return frames;
    }

    private final class Worker implements BatchWorker<Boolean> {
        private static final int NONE = -1;

        private final StackTree.Adder adder = tree.adder();

        /** The table's number of a frame, by the id that it has for this worker. */
        private int[] numbers = {};

        private int[] stack = new int[256];
        private String lastComm = "";
        private int lastProcess = NONE;

        @Override
        public void sample(ResolvedSample sample) {
            int size = sample.size();
            if (size >= stack.length) {
                stack = new int[2 * size];
            }
            String comm = sample.comm();
            if (lastProcess == NONE || !comm.equals(lastComm)) {
                lastComm = comm;
                lastProcess = frames.number(StackFrame.process(comm));
            }
            stack[0] = lastProcess;
            for (int i = 0; i < size; i++) {
                stack[size - i] = number(sample, i);
            }
            adder.add(stack, size + 1, 1);
        }

        private int number(ResolvedSample sample, int index) {
            int id = sample.frameId(index);
            if (id >= numbers.length) {
                int known = numbers.length;
                numbers = Arrays.copyOf(numbers, Math.max(id + 1, 2 * known));
                Arrays.fill(numbers, known, numbers.length, NONE);
            }
            int number = numbers[id];
            if (number == NONE) {
                number = frames.number(entry(sample.frame(index)));
                numbers[id] = number;
            }
            return number;
        }

        private StackFrame entry(Frame frame) {
            StackFrame.Kind kind = frame.isKernel() ? StackFrame.Kind.KERNEL : StackFrame.Kind.USER;
            String dso = byFile || frame.symbol() == null ? frame.dso() : "";
            return new StackFrame(frame.symbol(), dso, kind);
        }

        @Override
        public Boolean finishBatch() {
            return true;
        }
    }
}
