package org.backstitch.code.stack;

import java.util.Arrays;
import java.util.BitSet;

/** Instructions that wait, each once; the lowest index comes first, which in compilers' code is nearly the order of control. */
final class InstructionQueue {
    private int[] heap = new int[64];
    private int size;
    private final BitSet members = new BitSet();

    boolean isEmpty() {
        return size == 0;
    }

    void clear() {
        for (int i = 0; i < size; i++) {
            members.clear(heap[i]);
        }
        size = 0;
    }

    void add(int instruction) {
        if (members.get(instruction)) {
            return;
        }
        members.set(instruction);
        if (size == heap.length) {
            heap = Arrays.copyOf(heap, 2 * size);
        }
        int at = size++;
        while (at > 0 && heap[(at - 1) >>> 1] > instruction) {
            heap[at] = heap[(at - 1) >>> 1];
            at = (at - 1) >>> 1;
        }
        heap[at] = instruction;
    }

    int remove() {
        int first = heap[0];
        members.clear(first);
        int last = heap[--size];
        int at = 0;
        for (int child = 1; child < size; child = 2 * at + 1) {
            if (child + 1 < size && heap[child + 1] < heap[child]) {
                child++;
            }
            if (heap[child] >= last) {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = last;
        return first;
    }
}
