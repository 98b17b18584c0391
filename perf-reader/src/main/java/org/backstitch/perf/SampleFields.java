package org.backstitch.perf;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What a sample to be written holds ({@link PerfWriter#sample(int, SampleFields)}): set the fields that the event asks for, write, and
 * set again what changes. Nothing is checked but what would make the record unreadable.
 */
public final class SampleFields {
    private static final long FIXED = SampleType.IDENTIFIER
            | SampleType.IP
            | SampleType.TID
            | SampleType.TIME
            | SampleType.ADDR
            | SampleType.ID
            | SampleType.STREAM_ID
            | SampleType.CPU
            | SampleType.PERIOD;

    int misc = RecordMisc.CPU_MODE_USER;
    private long ip;
    private int pid;
    private int tid;
    private long time;
    private long address;
    private long id;
    private long streamId;
    private int cpu;
    private long period = 1;
    private long[] callchain = {};
    private int callchainLength;
    private int userRegisterAbi = PerfRegisters.ABI_NONE;
    private long[] userRegisters = {};
    private byte @Nullable [] stack;
    private int stackSize;

    /** All fields 0, a period of 1, in user mode. */
    public SampleFields() {}

    /** The record's {@code misc} field: see {@link RecordMisc}. */
    public SampleFields misc(int value) {
        misc = value;
        return this;
    }

    public SampleFields ip(long value) {
        ip = value;
        return this;
    }

    public SampleFields task(int newPid, int newTid) {
        pid = newPid;
        tid = newTid;
        return this;
    }

    /** In nanoseconds. */
    public SampleFields time(long value) {
        time = value;
        return this;
    }

    public SampleFields address(long value) {
        address = value;
        return this;
    }

    /** The id of the event's instance: both {@link SampleType#ID} and {@link SampleType#IDENTIFIER}. */
    public SampleFields id(long value) {
        id = value;
        return this;
    }

    public SampleFields streamId(long value) {
        streamId = value;
        return this;
    }

    public SampleFields cpu(int value) {
        cpu = value;
        return this;
    }

    public SampleFields period(long value) {
        period = value;
        return this;
    }

    /** The first {@code length} words of a callchain, innermost first, with its markers ({@link CallchainContext}). */
    public SampleFields callchain(long[] words, int length) {
        callchain = words.clone();
        callchainLength = length;
        return this;
    }

    /**
     * The user registers.
     *
     * @param abi {@link PerfRegisters#ABI_NONE} for none
     * @param values those of the event's mask, in the order of its bits
     */
    public SampleFields userRegisters(int abi, long[] values) {
        userRegisterAbi = abi;
        userRegisters = values.clone();
        return this;
    }

    /**
     * The user stack.
     *
     * @param dump what the dump holds; a multiple of eight bytes; null for none
     * @param size how many bytes of it could be copied
     */
    public SampleFields userStack(byte @Nullable [] dump, int size) {
        if (dump != null && (dump.length % 8 != 0 || size < 0 || size > dump.length)) {
            throw new IllegalArgumentException(size + " bytes in a dump of " + dump.length);
        }
        stack = dump == null ? null : dump.clone();
        stackSize = size;
        return this;
    }

    /** How many bytes the callchain and the stack take. */
    long variableSize() {
        return 8L * callchainLength + (stack == null ? 0 : stack.length);
    }

    void putFixed(SampleLayout layout, ByteBuffer out) {
        long task = (pid & 0xffff_ffffL) | (long) tid << 32;
        put(layout, SampleType.IDENTIFIER, id, out);
        put(layout, SampleType.IP, ip, out);
        put(layout, SampleType.TID, task, out);
        put(layout, SampleType.TIME, time, out);
        put(layout, SampleType.ADDR, address, out);
        put(layout, SampleType.ID, id, out);
        put(layout, SampleType.STREAM_ID, streamId, out);
        put(layout, SampleType.CPU, cpu & 0xffff_ffffL, out);
        put(layout, SampleType.PERIOD, period, out);
    }

    private static void put(SampleLayout layout, long field, long value, ByteBuffer out) {
        if ((layout.sampleType & field) != 0) {
            out.putLong(value);
        }
    }

    void putParts(SampleLayout layout, ByteBuffer out) {
        long writable = SampleType.CALLCHAIN | SampleType.REGS_USER | SampleType.STACK_USER;
        long others = layout.sampleType & ~(FIXED | writable);
        if (others != 0) {
            throw new IllegalArgumentException("sample fields that cannot be made: 0x" + Long.toHexString(others));
        }
        if ((layout.sampleType & SampleType.CALLCHAIN) != 0) {
            out.putLong(callchainLength);
            for (int i = 0; i < callchainLength; i++) {
                out.putLong(callchain[i]);
            }
        }
        if ((layout.sampleType & SampleType.REGS_USER) != 0) {
            out.putLong(userRegisterAbi);
            if (userRegisterAbi != PerfRegisters.ABI_NONE) {
                if (userRegisters.length != Long.bitCount(layout.userRegisterMask)) {
                    throw new IllegalArgumentException(userRegisters.length + " registers for a mask of 0x"
                            + Long.toHexString(layout.userRegisterMask));
                }
                for (long register : userRegisters) {
                    out.putLong(register);
                }
            }
        }
        if ((layout.sampleType & SampleType.STACK_USER) != 0) {
            out.putLong(stack == null ? 0 : stack.length);
            if (stack != null && stack.length > 0) {
                out.put(stack);
                out.putLong(stackSize);
            }
        }
    }
}
