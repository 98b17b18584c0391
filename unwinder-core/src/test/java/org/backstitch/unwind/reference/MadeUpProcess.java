package org.backstitch.unwind.reference;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.TreeMap;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;

/**
 * Memory whose every byte is a function of its address, except for pages that are missing, and registers to begin with. Aligned words are
 * mostly return addresses into {@link Function}'s code, or addresses of the same memory.
 */
final class MadeUpProcess implements Memory, NaiveMachine {
    static final long BIAS = 0x5555_0000_0000L;
    static final long STACK = 0x7ffd_1234_0000L;
    private static final int PAGE = 12;

    private final long seed;
    private final boolean holes;
    private final Map<Integer, Long> registers = new TreeMap<>();

    MadeUpProcess(long seed) {
        this.seed = seed;
        Random random = new Random(seed);
        this.holes = random.nextInt(3) == 0;
        for (int register = 0; register <= 15; register++) {
            long value = random.nextInt(4) == 0 ? random.nextLong() : STACK + 8L * random.nextInt(2000);
            boolean known = register == 7 || random.nextInt(8) != 0;
            if (known) {
                registers.put(register, value);
            }
        }
        registers.put(7, STACK + 8L * random.nextInt(100));
    }

    /** Registers of a frame that stands at a pc; by number, unknown ones left out. */
    Map<Integer, Long> frame(long pc) {
        Map<Integer, Long> frame = new TreeMap<>(registers);
        frame.put(16, pc);
        return frame;
    }

    static Registers asRegisters(Map<Integer, Long> frame) {
        Registers registers = new Registers();
        frame.forEach(registers::set);
        return registers;
    }

    /** Gives a dump the bytes from an address on, as far as they are there. */
    void fill(StackDump dump, long address, long size) {
        int length = 0;
        while (length + 8 <= size && isReadable(address, length + 8) && isMapped(address + length)) {
            length += 8;
        }
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            bytes.putLong(at(address + bytes.position()));
        }
        dump.set(MemorySegment.ofBuffer(bytes.flip()), 0, address, length);
    }

    private boolean isMapped(long address) {
        return !holes || (mix(address >>> PAGE) & 7) != 0;
    }

    private long mix(long value) {
        long mixed = (value + seed) * 0x9e37_79b9_7f4a_7c15L;
        mixed = (mixed ^ mixed >>> 29) * 0xbf58_476d_1ce4_e5b9L;
        return mixed ^ mixed >>> 32;
    }

    private long word(long aligned) {
        long mixed = mix(aligned);
        return switch ((int) (mixed & 7)) {
            case 0, 1, 2, 3 -> BIAS + Function.START + ((mixed >>> 8) & 0x7e);
            case 4, 5 -> STACK + (mixed >>> 8 & 0x3ff8);
            case 6 -> mixed >>> 60;
            default -> mixed;
        };
    }

    private long at(long address) {
        int shift = (int) (address & 7) * 8;
        long low = word(address & -8) >>> shift;
        return shift == 0 ? low : low | word((address & -8) + 8) << 64 - shift;
    }

    @Override
    public boolean isReadable(long address, int length) {
        return isMapped(address) && isMapped(address + length - 1);
    }

    @Override
    public long readLong(long address) {
        if (!isReadable(address, 8)) {
            throw new IllegalArgumentException("0x%x cannot be read".formatted(address));
        }
        return at(address);
    }

    @Override
    public Absence absence(long address) {
        return Absence.NOT_MAPPED;
    }

    @Override
    public OptionalLong register(int number) {
        throw new AssertionError("frames know their registers");
    }

    @Override
    public OptionalLong memory(long address, int size) {
        long mask = size == 8 ? -1 : (1L << 8 * size) - 1;
        return isReadable(address, size) ? OptionalLong.of(at(address) & mask) : OptionalLong.empty();
    }
}
