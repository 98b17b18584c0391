package org.backstitch.unwind;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;

/** A stack that a test fills word by word. Its bytes lie somewhere in a segment that ends where they do. */
final class HandMadeStack {
    /** Where a stack usually is. */
    static final long USUAL = 0x7fff_0000_0000L;

    private static final int OFFSET = 24;

    private final long address;
    private final int length;
    private final ByteBuffer bytes;

    /** A stack of zeros from an address on. */
    HandMadeStack(long address, int length) {
        this.address = address;
        this.length = length;
        bytes = ByteBuffer.allocate(OFFSET + length).order(ByteOrder.LITTLE_ENDIAN);
        Arrays.fill(bytes.array(), 0, OFFSET, (byte) 0x5a);
    }

    /** Puts a word so many bytes above the start. */
    HandMadeStack put(int distance, long word) {
        bytes.putLong(OFFSET + distance, word);
        return this;
    }

    /** The stack from {@code from} on, up to {@code to}. */
    StackDump dump(int from, int to) {
        MemorySegment segment = MemorySegment.ofArray(bytes.array()).asSlice(0, OFFSET + to);
        return new StackDump().set(segment, OFFSET + from, address + from, to - from);
    }

    /** All of it. */
    StackDump dump() {
        return dump(0, length);
    }

    /** Registers for a walk from the start: what is not named holds its own DWARF number. */
    Registers registers(long pc) {
        Registers registers = new Registers();
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, register);
        }
        return registers.set(X86_64.RIP, pc).set(X86_64.RSP, address);
    }
}
