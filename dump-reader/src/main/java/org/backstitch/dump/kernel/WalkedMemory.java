package org.backstitch.dump.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.backstitch.unwind.KernelStack;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.machine.Memory;

/** Memory of stacks that remembers which words a walk has asked for. Not thread-safe. */
final class WalkedMemory implements Memory {
    private final Memory memory;
    private final TreeSet<Long> words = new TreeSet<>(Long::compareUnsigned);

    WalkedMemory(Memory memory) {
        this.memory = memory;
    }

    @Override
    public boolean isReadable(long address, int length) {
        boolean readable = memory.isReadable(address, length);
        for (long at = address; readable && at < address + length; at += Long.BYTES) {
            words.add(at); // what is asked for in one piece must be there again
        }
        return readable;
    }

    @Override
    public long readLong(long address) {
        words.add(address);
        return memory.readLong(address);
    }

    @Override
    public Absence absence(long address) {
        return memory.absence(address);
    }

    /** Addresses from {@code start} to before {@code end}. */
    record Span(long start, long end) {}

    /**
     * What was read: one piece of each stack, from the first word to the last, split where words between them are not there.
     *
     * @param more how many bytes behind the last word are wanted besides, as far as they are there
     */
    List<Span> spans(KernelStacks stacks, long more) {
        List<Span> spans = new ArrayList<>();
        for (int number = 0; number < stacks.size(); number++) {
            KernelStack stack = stacks.get(number);
            List<Long> here = words.stream()
                    .filter(word -> stack.contains(word, Long.BYTES))
                    .toList();
            if (!here.isEmpty()) {
                long room = stack.end() - here.getLast() - Long.BYTES;
                addPieces(
                        here.getFirst() & -Long.BYTES,
                        here.getLast() + Long.BYTES + Math.min(more, room) + Long.BYTES - 1 & -Long.BYTES,
                        spans);
            }
        }
        return spans;
    }

    private void addPieces(long start, long end, List<Span> spans) {
        long begin = start;
        for (long at = start; at != end; at += Long.BYTES) {
            if (!memory.isReadable(at, Long.BYTES)) {
                if (begin != at) {
                    spans.add(new Span(begin, at));
                }
                begin = at + Long.BYTES;
            }
        }
        if (begin != end) {
            spans.add(new Span(begin, end));
        }
    }
}
