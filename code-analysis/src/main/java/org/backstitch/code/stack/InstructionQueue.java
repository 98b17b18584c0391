package org.backstitch.code.stack;

import java.util.Arrays;

/** Instructions that wait, each once; the lowest index comes first, which in compilers' code is nearly the order of control. */
final class InstructionQueue {
    private int[] heap = new int[64];
    private int size;
    private final long[] members;

    /** A queue for instructions below {@code count}. */
    InstructionQueue(int count) {
        members = new long[(count >>> 6) + 1];
    }

    boolean isEmpty() {
        return size == 0;
    }

    void clear() {
        for (int i = 0; i < size; i++) {
            forget(heap[i]);
        }
        size = 0;
    }

    private void forget(int instruction) {
        members[instruction >>> 6] &= ~(1L << instruction);
    }

    void add(int instruction) {
        if ((members[instruction >>> 6] >>> instruction & 1) != 0) {
            return;
        }
        members[instruction >>> 6] |= 1L << instruction;
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
        forget(first);
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
