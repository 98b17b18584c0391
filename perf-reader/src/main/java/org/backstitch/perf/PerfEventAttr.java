package org.backstitch.perf;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.backstitch.bytes.Bytes;

/**
 * A {@code struct perf_event_attr}: how an event was opened (linux/perf_event.h), in any of its published sizes (64 to 144 bytes) and
 * larger ones. Fields that the recorded size does not reach are zero, as the kernel takes them.
 *
 * <p>Immutable. The {@code with…} methods make changed copies, which keep every byte that they do not name.
 */
public final class PerfEventAttr {
    /** {@code PERF_TYPE_*}: what {@link #config} is a number of. */
    public static final int TYPE_HARDWARE = 0;

    public static final int TYPE_SOFTWARE = 1;
    public static final int TYPE_TRACEPOINT = 2;
    public static final int TYPE_HW_CACHE = 3;
    public static final int TYPE_RAW = 4;
    public static final int TYPE_BREAKPOINT = 5;

    /** Bits of {@link #flags}. */
    public static final long FLAG_DISABLED = 1L << 0;

    public static final long FLAG_INHERIT = 1L << 1;
    public static final long FLAG_EXCLUDE_USER = 1L << 4;
    public static final long FLAG_EXCLUDE_KERNEL = 1L << 5;
    public static final long FLAG_EXCLUDE_HV = 1L << 6;
    public static final long FLAG_MMAP = 1L << 8;
    public static final long FLAG_COMM = 1L << 9;
    public static final long FLAG_FREQ = 1L << 10;
    public static final long FLAG_ENABLE_ON_EXEC = 1L << 12;
    public static final long FLAG_TASK = 1L << 13;
    public static final long FLAG_MMAP_DATA = 1L << 17;
    public static final long FLAG_SAMPLE_ID_ALL = 1L << 18;
    public static final long FLAG_EXCLUDE_HOST = 1L << 19;
    public static final long FLAG_EXCLUDE_GUEST = 1L << 20;
    public static final long FLAG_EXCLUDE_CALLCHAIN_KERNEL = 1L << 21;
    public static final long FLAG_EXCLUDE_CALLCHAIN_USER = 1L << 22;
    public static final long FLAG_MMAP2 = 1L << 23;
    public static final long FLAG_COMM_EXEC = 1L << 24;
    public static final long FLAG_USE_CLOCKID = 1L << 25;
    public static final long FLAG_CONTEXT_SWITCH = 1L << 26;
    public static final long FLAG_NAMESPACES = 1L << 28;

    /** KSYMBOL records are wanted. In the RFC of 2017 this bit meant {@link #FLAG_DELAYED_USER_CALLCHAIN}. */
    public static final long FLAG_KSYMBOL = 1L << 29;

    /** The RFC of 2017: user callchains come late ({@code delayed_user_callchain}). The bit is that of {@link #FLAG_KSYMBOL}. */
    public static final long FLAG_DELAYED_USER_CALLCHAIN = 1L << 29;

    public static final long FLAG_BPF_EVENT = 1L << 30;
    public static final long FLAG_CGROUP = 1L << 32;
    public static final long FLAG_TEXT_POKE = 1L << 33;
    public static final long FLAG_BUILD_ID = 1L << 34;

    /** User callchains are taken on the way back to user mode (Linux 6.19). */
    public static final long FLAG_DEFER_CALLCHAIN = 1L << 38;

    /** This event's buffer gets the deferred callchains (Linux 6.19). */
    public static final long FLAG_DEFER_OUTPUT = 1L << 39;

    /** The size of the first published version, in bytes: the least that an attribute can have. */
    public static final int SIZE_VER0 = 64;

    /** The size at which every field that this class names is there, up to {@code sig_data}. */
    public static final int SIZE_VER7 = 128;

    /** The largest size that is read, in bytes: the kernel takes none above a page. */
    public static final int MAX_SIZE = 4096;

    /** {@code PERF_ATTR_SIZE_VER0} to {@code VER9}. */
    private static final int[] PUBLISHED_SIZES = {SIZE_VER0, 72, 80, 96, 104, 112, 120, SIZE_VER7, 136, 144};

    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int OFFSET_TYPE = 0;
    private static final int OFFSET_SIZE = 4;
    private static final int OFFSET_CONFIG = 8;
    private static final int OFFSET_SAMPLE_PERIOD = 16;
    private static final int OFFSET_SAMPLE_TYPE = 24;
    private static final int OFFSET_READ_FORMAT = 32;
    private static final int OFFSET_FLAGS = 40;
    private static final int OFFSET_BP_TYPE = 52;
    private static final int OFFSET_CONFIG1 = 56;
    private static final int OFFSET_CONFIG2 = 64;
    private static final int OFFSET_BRANCH_SAMPLE_TYPE = 72;
    private static final int OFFSET_SAMPLE_REGS_USER = 80;
    private static final int OFFSET_SAMPLE_STACK_USER = 88;
    private static final int OFFSET_CLOCKID = 92;
    private static final int OFFSET_SAMPLE_REGS_INTR = 96;
    private static final int OFFSET_SAMPLE_MAX_STACK = 108;

    private static final int PRECISE_IP_SHIFT = 15;

    /** The structure, at least {@link #SIZE_VER0} and at most {@link #MAX_SIZE} bytes; its size field says its length. */
    private final byte[] raw;

    private PerfEventAttr(byte[] raw) {
        this.raw = raw;
        INT.set(raw, OFFSET_SIZE, raw.length);
    }

    /** An event of a type and config, {@link #SIZE_VER7} bytes, everything else zero. */
    public static PerfEventAttr of(int type, long config) {
        byte[] raw = new byte[SIZE_VER7];
        INT.set(raw, OFFSET_TYPE, type);
        LONG.set(raw, OFFSET_CONFIG, config);
        return new PerfEventAttr(raw);
    }

    /**
     * Reads the structure at the start of {@code bytes}.
     *
     * @param bytes the structure and the room that it has; a size field that says less (0 stands for {@link #SIZE_VER0}) is believed
     * @throws org.backstitch.bytes.MalformedInputException if there is no room for the size that it says
     */
    public static PerfEventAttr read(Bytes bytes) {
        bytes.check(0, SIZE_VER0);
        long size = bytes.u32(OFFSET_SIZE);
        if (size == 0) {
            size = SIZE_VER0;
        }
        if (size < SIZE_VER0 || size > MAX_SIZE || size % 8 != 0) {
            throw bytes.malformed(OFFSET_SIZE, "an event attribute of " + size + " bytes");
        }
        return new PerfEventAttr(bytes.copy(0, (int) size));
    }

    /** The structure as recorded, its length in its size field. */
    public byte[] toByteArray() {
        return raw.clone();
    }

    /** Its length in bytes. */
    public int size() {
        return raw.length;
    }

    private int i32(int offset) {
        return offset <= raw.length - 4 ? (int) INT.get(raw, offset) : 0;
    }

    private long i64(int offset) {
        return offset <= raw.length - 8 ? (long) LONG.get(raw, offset) : 0;
    }

    /** {@link #TYPE_HARDWARE} to {@link #TYPE_BREAKPOINT}, or the number of a dynamic PMU. */
    public int type() {
        return i32(OFFSET_TYPE);
    }

    /** Which event of its type; for a tracepoint its id. */
    public long config() {
        return i64(OFFSET_CONFIG);
    }

    /** A sample each so many events; with {@link #isFrequency} samples per second. */
    public long samplePeriod() {
        return i64(OFFSET_SAMPLE_PERIOD);
    }

    /** The fields of a sample: bits of {@link SampleType}. */
    public long sampleType() {
        return i64(OFFSET_SAMPLE_TYPE);
    }

    /** Bits of {@link ReadFormat}. */
    public long readFormat() {
        return i64(OFFSET_READ_FORMAT);
    }

    /** The one-bit fields. */
    public long flags() {
        return i64(OFFSET_FLAGS);
    }

    /** Whether {@link #samplePeriod} is a frequency. */
    public boolean isFrequency() {
        return (flags() & FLAG_FREQ) != 0;
    }

    /** Whether records other than samples carry a {@link SampleId}. */
    public boolean sampleIdAll() {
        return (flags() & FLAG_SAMPLE_ID_ALL) != 0;
    }

    /** How exact the instruction pointer was asked to be: 0 to 3. */
    public int preciseIp() {
        return (int) (flags() >>> PRECISE_IP_SHIFT) & 3;
    }

    /** What a breakpoint watches for: 1 read, 2 write, 4 execution. */
    public int breakpointType() {
        return i32(OFFSET_BP_TYPE);
    }

    /** {@code bp_addr}, or the extension of {@link #config}. */
    public long config1() {
        return i64(OFFSET_CONFIG1);
    }

    /** {@code bp_len}, or the second extension of {@link #config}. */
    public long config2() {
        return i64(OFFSET_CONFIG2);
    }

    /** Bits of {@code enum perf_branch_sample_type}; those of {@link BranchSampleType} change the layout. */
    public long branchSampleType() {
        return i64(OFFSET_BRANCH_SAMPLE_TYPE);
    }

    /** The user registers of a sample: a bit for each of {@link PerfRegisters}. */
    public long sampleRegsUser() {
        return i64(OFFSET_SAMPLE_REGS_USER);
    }

    /** How many bytes of the user stack a sample asks for. */
    public long sampleStackUser() {
        return i32(OFFSET_SAMPLE_STACK_USER) & 0xffff_ffffL;
    }

    /** The clock that times are of, as for {@code clock_gettime(2)}, where {@link #FLAG_USE_CLOCKID} is set. */
    public int clockId() {
        return i32(OFFSET_CLOCKID);
    }

    /** The registers at the interrupt: a bit for each of {@link PerfRegisters}. */
    public long sampleRegsIntr() {
        return i64(OFFSET_SAMPLE_REGS_INTR);
    }

    /** The most addresses that the kernel puts into a callchain; 0 for its default. */
    public int sampleMaxStack() {
        return i32(OFFSET_SAMPLE_MAX_STACK) & 0xffff;
    }

    /** A copy with another {@link #sampleType}. */
    public PerfEventAttr withSampleType(long sampleType) {
        return with(OFFSET_SAMPLE_TYPE, sampleType);
    }

    /** A copy with another {@link #readFormat}. */
    public PerfEventAttr withReadFormat(long readFormat) {
        return with(OFFSET_READ_FORMAT, readFormat);
    }

    /** A copy with other {@link #flags}. */
    public PerfEventAttr withFlags(long flags) {
        return with(OFFSET_FLAGS, flags);
    }

    /** A copy with another {@link #samplePeriod}. */
    public PerfEventAttr withSamplePeriod(long period) {
        return with(OFFSET_SAMPLE_PERIOD, period);
    }

    /** A copy with another {@link #sampleRegsUser}. */
    public PerfEventAttr withSampleRegsUser(long mask) {
        return with(OFFSET_SAMPLE_REGS_USER, mask);
    }

    /** A copy with another {@link #sampleStackUser}. */
    public PerfEventAttr withSampleStackUser(int size) {
        byte[] copy = copyThatReaches(OFFSET_SAMPLE_STACK_USER + 4);
        INT.set(copy, OFFSET_SAMPLE_STACK_USER, size);
        return new PerfEventAttr(copy);
    }

    /** A copy of at least {@code size} bytes, zeros behind its own. */
    public PerfEventAttr withSizeOfAtLeast(int size) {
        return size <= raw.length ? this : new PerfEventAttr(Arrays.copyOf(raw, size));
    }

    /**
     * A copy without zeros at the end, as short as a published size can be: a perf refuses attributes that are longer than it knows,
     * whatever is in them.
     */
    public PerfEventAttr withoutTrailingZeros() {
        int used = raw.length;
        while (used > 0 && raw[used - 1] == 0) {
            used--;
        }
        for (int size : PUBLISHED_SIZES) {
            if (used <= size && size < raw.length) {
                return new PerfEventAttr(Arrays.copyOf(raw, size));
            }
        }
        return this;
    }

    private PerfEventAttr with(int offset, long value) {
        byte[] copy = copyThatReaches(offset + 8);
        LONG.set(copy, offset, value);
        return new PerfEventAttr(copy);
    }

    /** A copy that is long enough for a field that ends at {@code end}: as long as it was, or the next published size. */
    private byte[] copyThatReaches(int end) {
        int size = raw.length;
        for (int i = 0; size < end; i++) {
            size = PUBLISHED_SIZES[i];
        }
        return Arrays.copyOf(raw, size);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PerfEventAttr attr && Arrays.equals(raw, attr.raw);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(raw);
    }

    @Override
    public String toString() {
        return "type %d, config 0x%x, sample_type 0x%x".formatted(type(), config(), sampleType());
    }
}
