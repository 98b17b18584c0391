package org.backstitch.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.backstitch.recording.Recording;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;

/**
 * The stacks of a recording, located and ready to be walked: what every unwinder that is compared gets before the clock starts.
 *
 * <p>The bytes of the stacks lie in memory; registers and address spaces are decoded. What is measured is the walk alone.
 */
final class RecordedStacks implements AutoCloseable {
    private final Recording recording;
    private final List<AddressSpace> spaces = new ArrayList<>();
    private final List<Registers> registers = new ArrayList<>();
    private final List<StackDump> dumps = new ArrayList<>();
    private final MemorySegment memory;

    private RecordedStacks(Recording recording, Arena arena) throws IOException {
        this.recording = recording;
        MemorySegment mapped = recording.file().bytes().segment();
        // A copy in memory of one's own: page faults of the mapping are no part of a walk.
        memory = arena.allocate(mapped.byteSize(), 4096);
        memory.copyFrom(mapped);
        recording.forEachStack((space, frame, dump) -> {
            Registers copy = new Registers();
            copy.copyFrom(frame);
            spaces.add(space);
            registers.add(copy);
            dumps.add(new StackDump().set(memory, dump.offset(), dump.address(), dump.length()));
        });
    }

    /** Opens a recording. */
    static RecordedStacks open(BenchmarkRecording recording, Arena arena) throws IOException {
        return new RecordedStacks(Recording.open(recording.data(), recording.options()), arena);
    }

    /** The address space of each stack. */
    List<AddressSpace> spaces() {
        return Collections.unmodifiableList(spaces);
    }

    int size() {
        return spaces.size();
    }

    /** The registers that one stack is walked with. */
    Registers registers(int index) {
        return registers.get(index);
    }

    /** The bytes of one stack. */
    StackDump dump(int index) {
        return dumps.get(index);
    }

    /** Walks one stack. */
    void walk(UserUnwinder unwinder, Callchain chain, int index) {
        unwinder.unwind(spaces.get(index), registers.get(index), dumps.get(index), chain);
    }

    /** Walks the first {@code count} stacks; gives the number of frames. */
    long walkAll(UserUnwinder unwinder, Callchain chain, int count) {
        long frames = 0;
        for (int i = 0; i < count; i++) {
            walk(unwinder, chain, i);
            frames += chain.size();
        }
        return frames;
    }

    /** A walk that is only right where everything keeps a frame pointer, and does nothing else: the floor. */
    long walkFramePointers(long[] pcs, int count) {
        long frames = 0;
        for (int i = 0; i < count; i++) {
            Registers start = registers.get(i);
            StackDump dump = dumps.get(i);
            ByteBuffer buffer = dump.buffer();
            long base = dump.address();
            long bias = dump.bufferOffset() - base;
            long words = Math.max(0, dump.length() - 15);
            long bp = start.get(X86_64.RBP);
            long sp = start.sp();
            int depth = 0;
            pcs[depth++] = start.pc();
            while (depth < pcs.length
                    && Long.compareUnsigned(bp - base, words) < 0
                    && Long.compareUnsigned(bp, sp) >= 0) {
                long pc = (long) StackDump.WORDS.get(buffer, (int) (bp + bias) + Long.BYTES);
                sp = bp + 2 * Long.BYTES;
                bp = (long) StackDump.WORDS.get(buffer, (int) (bp + bias));
                if (pc == 0) {
                    break;
                }
                pcs[depth++] = pc;
            }
            frames += depth;
        }
        return frames;
    }

    @Override
    public void close() {
        recording.close();
    }
}
