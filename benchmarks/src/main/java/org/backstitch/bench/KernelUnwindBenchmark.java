package org.backstitch.bench;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.CallFrameInterpreter;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.fixtures.Fixtures;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.KernelUnwinder;
import org.backstitch.unwind.machine.X86_64;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Kernel stacks by ORC, by the same kernel's {@code .debug_frame} interpreted as it stands, and by frame pointers.
 *
 * <p>Read the column {@code frames}: frames a microsecond ({@code lookups} for the look-ups). The stacks are those of all sleeping tasks of
 * a dump of Linux 6.1. The walks {@code orcCommonFrames} and {@code interpretedCfi} see the same frames: those up to the first without
 * call frame information (assembly, modules).
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class KernelUnwindBenchmark {
    private static final KernelStacksOfDump DUMP = new KernelStacksOfDump("v61-irq", "6.1");

    private static final long LINKED_STACK_SIZE = 1024;

    /** What was done in the time measured. */
    @AuxCounters
    @State(Scope.Thread)
    public static class Counters {
        public long frames;
        public long lookups;
    }

    private final KernelUnwinder unwinder = new KernelUnwinder(DUMP.text, DUMP.memory);
    private final KernelCallchain chain = new KernelCallchain();
    private final InterpretedWalk interpreted = new InterpretedWalk();
    private int[] commonFrames = {};
    private long[] vaddrs = {};
    private Bytes linked = Bytes.of(new byte[0], "stacks");

    /** Finds the frames that both formats know, and makes a stack of as many frames with frame pointers. */
    @Setup
    public void prepare() {
        commonFrames = new int[DUMP.tasks.size()];
        List<Long> pcs = new ArrayList<>();
        for (int i = 0; i < commonFrames.length; i++) {
            KernelStacksOfDump.Task task = DUMP.tasks.get(i);
            unwinder.walkSleeping(task.sp(), task.rbp(), task.pc(), false, task.stacks(), chain);
            for (int frame = 0; frame < chain.size(); frame++) {
                pcs.add(chain.pc(frame) - 1 - DUMP.bias);
            }
            commonFrames[i] = interpreted.agreement(task, chain);
        }
        Collections.shuffle(pcs, new Random(1));
        linked = linkedStacks(commonFrames.length, pcs.size() / commonFrames.length);
        vaddrs = pcs.stream().mapToLong(Long::longValue).toArray();
    }

    @Benchmark
    public long orc(Counters counters) {
        long sum = 0;
        for (KernelStacksOfDump.Task task : DUMP.tasks) {
            unwinder.walkSleeping(task.sp(), task.rbp(), task.pc(), false, task.stacks(), chain);
            sum += chain.pc(chain.size() - 1);
            counters.frames += chain.size();
        }
        return sum;
    }

    @Benchmark
    public long orcCommonFrames(Counters counters) {
        long sum = 0;
        for (int i = 0; i < commonFrames.length; i++) {
            if (commonFrames[i] > 1) {
                KernelStacksOfDump.Task task = DUMP.tasks.get(i);
                unwinder.setMaxFrames(commonFrames[i]);
                unwinder.walkSleeping(task.sp(), task.rbp(), task.pc(), false, task.stacks(), chain);
                sum += chain.pc(chain.size() - 1);
                counters.frames += chain.size();
            }
        }
        return sum;
    }

    @Benchmark
    public long interpretedCfi(Counters counters) {
        long sum = 0;
        for (int i = 0; i < commonFrames.length; i++) {
            if (commonFrames[i] > 1) {
                interpreted.start(DUMP.tasks.get(i));
                int frames = 1;
                while (frames < commonFrames[i] && interpreted.next()) {
                    frames++;
                }
                sum += interpreted.pc;
                counters.frames += frames;
            }
        }
        return sum;
    }

    /** Look-ups of all frames' addresses in the kernel's table, in random order and without a cache before it. */
    @Benchmark
    public long orcLookups(Counters counters) {
        long sum = 0;
        for (long vaddr : vaddrs) {
            sum += DUMP.image.rule(vaddr);
        }
        counters.lookups += vaddrs.length;
        return sum;
    }

    /** The least that a walk must do: follow saved frame pointers, with a check of each, on as many stacks as deep. */
    @Benchmark
    public long framePointerFloor(Counters counters) {
        long sum = 0;
        for (int task = 0; task < DUMP.tasks.size(); task++) {
            long framePointer = task * LINKED_STACK_SIZE;
            while (linked.contains(framePointer, 16)) {
                long next = linked.i64(framePointer);
                sum += linked.i64(framePointer + 8);
                counters.frames++;
                if (Long.compareUnsigned(next, framePointer) <= 0) {
                    break;
                }
                framePointer = next;
            }
        }
        return sum;
    }

    /** A stack for each task, with as many frames as its stack has on average, linked by frame pointers and 64 bytes each. */
    private static Bytes linkedStacks(int stacks, int framesEach) {
        ByteBuffer buffer =
                ByteBuffer.allocate(Math.toIntExact(stacks * LINKED_STACK_SIZE)).order(ByteOrder.LITTLE_ENDIAN);
        for (int stack = 0; stack < stacks; stack++) {
            for (int frame = 0; frame < framesEach; frame++) {
                int at = Math.toIntExact(stack * LINKED_STACK_SIZE + frame * 64L);
                buffer.putLong(at, frame + 1 < framesEach ? at + 64L : 0);
                buffer.putLong(at + 8, 0xffff_ffff_8100_0000L + at);
            }
        }
        return Bytes.of(buffer.array(), "stacks");
    }

    /** A walk by call frame information that keeps nothing: every frame searches its entry and interprets it. */
    private static final class InterpretedWalk {
        private final FdeIndex index = new FdeIndex(new CallFrameInfo(
                Bytes.of(Fixtures.bytes("orc/6.1/debug_frame.xz"), ".debug_frame"),
                0,
                CallFrameInfo.Flavor.DEBUG_FRAME,
                0,
                0,
                vaddr -> OptionalLong.empty()));
        private final CallFrameInterpreter interpreter = new CallFrameInterpreter();
        long pc;
        private long sp;
        private long rbp;

        void start(KernelStacksOfDump.Task task) {
            pc = task.pc();
            sp = task.sp();
            rbp = task.rbp();
        }

        boolean next() {
            long vaddr = pc - 1 - DUMP.bias;
            if (!seek(index.find(vaddr), vaddr) || interpreter.hasCfaExpression()) {
                return false;
            }
            long base;
            switch (interpreter.cfaRegister()) {
                case X86_64.RSP -> base = sp;
                case X86_64.RBP -> base = rbp;
                default -> {
                    return false;
                }
            }
            long cfa = base + interpreter.cfaOffset();
            if (interpreter.ruleKind(X86_64.RIP) != CallFrameInterpreter.OFFSET
                    || !DUMP.memory.isReadable(cfa + interpreter.ruleOperand(X86_64.RIP), Long.BYTES)) {
                return false;
            }
            pc = DUMP.memory.readLong(cfa + interpreter.ruleOperand(X86_64.RIP));
            if (interpreter.ruleKind(X86_64.RBP) == CallFrameInterpreter.OFFSET) {
                long slot = cfa + interpreter.ruleOperand(X86_64.RBP);
                if (!DUMP.memory.isReadable(slot, Long.BYTES)) {
                    return false;
                }
                rbp = DUMP.memory.readLong(slot);
            }
            sp = cfa;
            return true;
        }

        private boolean seek(@Nullable FrameDescriptionEntry fde, long vaddr) {
            if (fde == null) {
                return false;
            }
            interpreter.start(fde);
            while (interpreter.nextRow()) {
                if (Long.compareUnsigned(vaddr, interpreter.rowEnd()) < 0) {
                    return true;
                }
            }
            return false;
        }

        /** How many frames of a chain this walk finds too. */
        int agreement(KernelStacksOfDump.Task task, KernelCallchain chain) {
            start(task);
            int frames = 1;
            while (frames < chain.size() && next() && pc == chain.pc(frames) && sp == chain.sp(frames)) {
                frames++;
            }
            return frames;
        }
    }
}
