package org.backstitch.perf;

import org.backstitch.bytes.Words;
import org.jspecify.annotations.Nullable;

/**
 * A sample, read in place: put it on a sample's offset with {@link #moveTo}, then ask for fields. Moving and asking allocate nothing.
 *
 * <p>{@link #moveTo} walks through the sample once and checks every count in it against the sample's size, so that no getter can read
 * outside of the sample afterwards. Fields that the event does not record are -1 where a number has no other way to say so, and
 * counts of what is not there are 0; {@link #has} tells exactly. Getters that take an index throw {@link IndexOutOfBoundsException}
 * for one that is not below its count.
 *
 * <p>Offsets are in bytes from the start of {@link PerfFile#bytes}, so that registers, stack and callchain can be read where they lie.
 *
 * <p>Not safe for use by several threads; any number of cursors can read one recording.
 */
public final class SampleCursor {
    private static final int HEADER_SIZE = SampleLayout.HEADER_SIZE;
    private static final long BRANCH_SIZE = 24;

    private final Words words;
    private final EventTable events;
    private final long limit;
    private final CounterValues counters;

    private long offset;
    private int size;
    private int misc;
    private int eventIndex = EventTable.UNKNOWN;
    private @Nullable SampleLayout layout;
    private long sampleType;

    /** Where the variable parts lie; meaningful only where {@link #sampleType} has their bit. */
    private long callchainOffset;

    private int callchainLength;
    private long rawOffset;
    private int rawSize;
    private long branchStart;
    private long branchOffset;
    private int branchCount;
    private long branchCounterOffset;
    private long branchEnd;
    private long userRegisterOffset;
    private int userRegisterAbi;
    private long userRegisterMask;
    private long stackOffset;
    private int stackDumpSize;
    private int stackSize;
    private long weightOffset;
    private long dataSourceOffset;
    private long transactionOffset;
    private long interruptRegisterOffset;
    private int interruptRegisterAbi;
    private long interruptRegisterMask;
    private long physicalAddressOffset;
    private long cgroupOffset;
    private long dataPageSizeOffset;
    private long codePageSizeOffset;
    private long auxOffset;
    private int auxSize;
    private long contentEnd;

    private @Nullable String fault;
    private Anomalies.Kind faultKind = Anomalies.Kind.BAD_SAMPLE;
    private long faultOffset;

    SampleCursor(Words words, long limit, EventTable events) {
        this.words = words;
        counters = new CounterValues(words);
        this.limit = limit;
        this.events = events;
    }

    /**
     * Moves to the sample whose record starts at {@code recordOffset}.
     *
     * @param recordOffset of a {@link RecordType#SAMPLE}, as {@link RecordCursor#offset} reports it
     * @return whether its fields fit it; if not, {@link #fault} says what is wrong, and no getter may be asked
     * @throws IllegalArgumentException if there is no sample
     */
    public boolean moveTo(long recordOffset) {
        if (recordOffset < 0 || recordOffset > limit - HEADER_SIZE) {
            throw new IndexOutOfBoundsException("no record at " + recordOffset);
        }
        long header = words.i64(recordOffset);
        offset = recordOffset;
        misc = (int) (header >>> 32) & 0xffff;
        size = (int) (header >>> 48);
        if ((int) header != RecordType.SAMPLE || size < HEADER_SIZE || size > limit - recordOffset) {
            throw new IllegalArgumentException("no sample at " + recordOffset);
        }
        eventIndex = events.eventOfSample(words, recordOffset, size);
        SampleLayout found = events.layout(eventIndex);
        if (found == null) {
            sampleType = 0;
            return fail(Anomalies.Kind.UNKNOWN_EVENT_ID, recordOffset, "a sample of an event that is not described");
        }
        layout = found;
        sampleType = found.sampleType;
        fault = null;
        if (size < found.fixedSize) {
            return fail(recordOffset, "a sample that is shorter than its fixed fields");
        }
        return walk(found, recordOffset + found.fixedSize, recordOffset + size);
    }

    /** Finds the parts of variable size, from {@code at} on. */
    private boolean walk(SampleLayout of, long at, long end) {
        long next = at;
        if ((sampleType & SampleType.READ) != 0) {
            next = counters.moveTo(of.readFormat, next, end);
            if (next < 0) {
                return fail(at, "a sample too short for its counter values");
            }
        }
        callchainLength = 0;
        if ((sampleType & SampleType.CALLCHAIN) != 0) {
            long count = countAt(next, end, 8);
            if (count < 0) {
                return fail(next, "a sample too short for its callchain");
            }
            callchainOffset = next + 8;
            callchainLength = (int) count;
            next = callchainOffset + 8 * count;
        }
        rawSize = 0;
        if ((sampleType & SampleType.RAW) != 0) {
            if (end - next < 4 || words.u32(next) > end - next - 4) {
                return fail(next, "a sample too short for its raw data");
            }
            rawOffset = next + 4;
            rawSize = words.i32(next);
            next = rawOffset + rawSize;
        }
        branchCount = 0;
        if ((sampleType & SampleType.BRANCH_STACK) != 0) {
            branchStart = next;
            next = walkBranches(of, next, end);
            if (next < 0) {
                return fail(branchStart, "a sample too short for its branch stack");
            }
            branchEnd = next;
        }
        userRegisterAbi = PerfRegisters.ABI_NONE;
        userRegisterMask = 0;
        if ((sampleType & SampleType.REGS_USER) != 0) {
            if (end - next < 8) {
                return fail(next, "a sample too short for its user registers");
            }
            userRegisterAbi = abiAt(next);
            userRegisterOffset = next + 8;
            next = userRegisterOffset;
            if (userRegisterAbi != PerfRegisters.ABI_NONE) {
                userRegisterMask = of.userRegisterMask;
                if (end - next < of.userRegisterBytes) {
                    return fail(next, "a sample too short for its user registers");
                }
                next += of.userRegisterBytes;
            }
        }
        stackDumpSize = 0;
        stackSize = 0;
        if ((sampleType & SampleType.STACK_USER) != 0) {
            long count = countAt(next, end, 1);
            if (count < 0 || (count > 0 && end - next - 8 - count < 8)) {
                return fail(next, "a sample too short for its user stack");
            }
            stackOffset = next + 8;
            stackDumpSize = (int) count;
            next = stackOffset + count;
            if (count > 0) {
                long dynamicSize = words.i64(next);
                if (Long.compareUnsigned(dynamicSize, count) > 0) {
                    return fail(next, "a user stack that claims more bytes than its dump has");
                }
                stackSize = (int) dynamicSize;
                next += 8;
            }
        }
        return walkTail(of, next, end);
    }

    /** What lies behind the user stack. */
    private boolean walkTail(SampleLayout of, long at, long end) {
        long next = at;
        if ((sampleType & (SampleType.WEIGHT | SampleType.WEIGHT_STRUCT)) != 0) {
            weightOffset = next;
            next += 8;
        }
        if ((sampleType & SampleType.DATA_SRC) != 0) {
            dataSourceOffset = next;
            next += 8;
        }
        if ((sampleType & SampleType.TRANSACTION) != 0) {
            transactionOffset = next;
            next += 8;
        }
        interruptRegisterAbi = PerfRegisters.ABI_NONE;
        interruptRegisterMask = 0;
        if ((sampleType & SampleType.REGS_INTR) != 0) {
            if (end - next < 8) {
                return fail(at, "a sample too short for its interrupt registers");
            }
            interruptRegisterAbi = abiAt(next);
            interruptRegisterOffset = next + 8;
            next = interruptRegisterOffset;
            if (interruptRegisterAbi != PerfRegisters.ABI_NONE) {
                interruptRegisterMask = of.interruptRegisterMask;
                next += of.interruptRegisterBytes;
            }
        }
        if ((sampleType & SampleType.PHYS_ADDR) != 0) {
            physicalAddressOffset = next;
            next += 8;
        }
        if ((sampleType & SampleType.CGROUP) != 0) {
            cgroupOffset = next;
            next += 8;
        }
        if ((sampleType & SampleType.DATA_PAGE_SIZE) != 0) {
            dataPageSizeOffset = next;
            next += 8;
        }
        if ((sampleType & SampleType.CODE_PAGE_SIZE) != 0) {
            codePageSizeOffset = next;
            next += 8;
        }
        if (next > end) {
            return fail(at, "a sample too short for its last fields");
        }
        auxSize = 0;
        if ((sampleType & SampleType.AUX) != 0) {
            long count = countAt(next, end, 1);
            if (count < 0) {
                return fail(next, "a sample too short for its trace");
            }
            auxOffset = next + 8;
            auxSize = (int) count;
            next = auxOffset + count;
        }
        contentEnd = next;
        return true;
    }

    private long walkBranches(SampleLayout of, long at, long end) {
        long start = at + 8 + (of.branchHardwareIndex ? 8 : 0);
        if (start > end) {
            return -1;
        }
        long count = words.i64(at);
        long each = BRANCH_SIZE + (of.branchCounters ? 8 : 0);
        if (count < 0 || count > (end - start) / each) {
            return -1;
        }
        branchOffset = start;
        branchCount = (int) count;
        branchCounterOffset = start + BRANCH_SIZE * count;
        return start + each * count;
    }

    /** The count at {@code at} if it and as many elements of {@code each} bytes fit, else -1. */
    private long countAt(long at, long end, int each) {
        if (end - at < 8) {
            return -1;
        }
        long count = words.i64(at);
        return count >= 0 && count <= (end - at - 8) / each ? count : -1;
    }

    /** An ABI number; one that nobody has defined is taken for the 64-bit one, as it has registers. */
    private int abiAt(long at) {
        long abi = words.i64(at);
        return abi == PerfRegisters.ABI_NONE || abi == PerfRegisters.ABI_32 ? (int) abi : PerfRegisters.ABI_64;
    }

    private boolean fail(long at, String reason) {
        return fail(Anomalies.Kind.BAD_SAMPLE, at, reason);
    }

    private boolean fail(Anomalies.Kind kind, long at, String reason) {
        fault = reason;
        faultKind = kind;
        faultOffset = at;
        layout = null;
        return false;
    }

    /** What was wrong with the sample that {@link #moveTo} refused; null if it did not refuse. */
    public @Nullable String fault() {
        return fault;
    }

    /** Where in the refused sample the fault lies. */
    public long faultOffset() {
        return faultOffset;
    }

    /** Counts the refused sample. */
    public void countFault(Anomalies anomalies) {
        if (fault != null) {
            anomalies.add(faultKind, faultOffset, fault);
        }
    }

    private SampleLayout layout() {
        SampleLayout current = layout;
        if (current == null) {
            throw new IllegalStateException("not on a sample");
        }
        return current;
    }

    /** Where the sample's record starts. */
    public long offset() {
        return offset;
    }

    /** The size of the sample's record with its header, in bytes. */
    public int size() {
        return size;
    }

    /** The record's {@code misc} field: see {@link RecordMisc}. */
    public int misc() {
        return misc;
    }

    /** What the CPU was doing: {@link RecordMisc#CPU_MODE_UNKNOWN} to {@link RecordMisc#CPU_MODE_GUEST_USER}. */
    public int cpuMode() {
        return misc & RecordMisc.CPU_MODE_MASK;
    }

    /**
     * The index of the sample's event in {@link PerfFile#events}; -1 if the sample's id is none of theirs. (Such a sample can be read
     * only if all events record the same fields.)
     */
    public int eventIndex() {
        return eventIndex;
    }

    /** Whether the sample has the field of this bit of {@link SampleType}. */
    public boolean has(long field) {
        return (sampleType & field) != 0;
    }

    /** The bits of {@link SampleType} that the sample has. */
    public long sampleType() {
        return sampleType;
    }

    /** The instruction pointer; -1 if it was not recorded. */
    public long ip() {
        return fixed(layout().ip);
    }

    /** The process; -1 if it was not recorded or was already gone. */
    public int pid() {
        int at = layout().tid;
        return at < 0 ? -1 : words.i32(offset + at);
    }

    /** The thread; -1 if it was not recorded or was already gone. */
    public int tid() {
        int at = layout().tid;
        return at < 0 ? -1 : words.i32(offset + at + 4);
    }

    /** In nanoseconds of the recording's clock; -1 if it was not recorded. */
    public long time() {
        return fixed(layout().time);
    }

    /** The data address or what else the event calls an address; -1 if it was not recorded. */
    public long address() {
        return fixed(layout().addr);
    }

    /** The id of the event's instance; -1 if it was not recorded. */
    public long id() {
        SampleLayout current = layout();
        return fixed(current.identifier >= 0 ? current.identifier : current.id);
    }

    /** The id of the event's instance, even if it was inherited; -1 if it was not recorded. */
    public long streamId() {
        return fixed(layout().streamId);
    }

    /** The CPU; -1 if it was not recorded. */
    public int cpu() {
        int at = layout().cpu;
        return at < 0 ? -1 : words.i32(offset + at);
    }

    /** For how many events the sample stands: as it says, else the event's fixed period, else -1. */
    public long period() {
        SampleLayout current = layout();
        return current.period >= 0 ? fixed(current.period) : current.fixedPeriod;
    }

    private long fixed(int at) {
        return at < 0 ? -1 : words.i64(offset + at);
    }

    /** How many words the recorded callchain has, markers included ({@link CallchainContext}). */
    public int callchainLength() {
        return callchainLength;
    }

    /** A word of the recorded callchain, innermost first: an address or a marker of {@link CallchainContext}. */
    public long callchain(int index) {
        return words.i64(callchainOffset + 8L * checkIndex(index, callchainLength));
    }

    /** Where the first word of the recorded callchain lies. */
    public long callchainOffset() {
        return callchainOffset;
    }

    /** {@link PerfRegisters#ABI_NONE} if the sample has no user registers, else of which kind of task they are. */
    public int userRegisterAbi() {
        return userRegisterAbi;
    }

    /** Which user registers the sample has: a bit for each of {@link PerfRegisters}; 0 if none. */
    public long userRegisterMask() {
        return userRegisterMask;
    }

    /** Where the first user register lies; those of the mask follow each other in the order of their bits, eight bytes each. */
    public long userRegisterOffset() {
        return userRegisterOffset;
    }

    /** Whether the sample has a user register: a number of {@link PerfRegisters}. */
    public boolean hasUserRegister(int register) {
        return (userRegisterMask >>> register & 1) != 0;
    }

    /**
     * A user register: a number of {@link PerfRegisters}.
     *
     * @throws IndexOutOfBoundsException if the sample does not have it
     */
    public long userRegister(int register) {
        return register(userRegisterOffset, userRegisterMask, register);
    }

    private long register(long start, long mask, int register) {
        if ((mask >>> register & 1) == 0) {
            throw new IndexOutOfBoundsException("register " + register + " was not recorded");
        }
        return words.i64(start + 8L * Long.bitCount(mask & (1L << register) - 1));
    }

    /** Where the copy of the user stack lies. Its first byte was at the stack pointer of the user registers. */
    public long stackOffset() {
        return stackOffset;
    }

    /** How many bytes of the user stack could be copied; 0 if none. Those of the dump behind them mean nothing. */
    public int stackSize() {
        return stackSize;
    }

    /** How many bytes the dump takes in the sample, at least {@link #stackSize}. */
    public int stackDumpSize() {
        return stackDumpSize;
    }

    /** The size of the raw data, in bytes: a tracepoint's fields and padding. */
    public int rawSize() {
        return rawSize;
    }

    /** Where the raw data lie. */
    public long rawOffset() {
        return rawOffset;
    }

    /** How many branches the branch stack has. */
    public int branchCount() {
        return branchCount;
    }

    /** Where a branch left; the newest branch has index 0. */
    public long branchFrom(int index) {
        return branchWord(index, 0);
    }

    /** Where a branch went. */
    public long branchTo(int index) {
        return branchWord(index, 8);
    }

    /** What is known about a branch: {@code struct perf_branch_entry} from its third word on. */
    public long branchFlags(int index) {
        return branchWord(index, 16);
    }

    private long branchWord(int index, int at) {
        return words.i64(branchOffset + BRANCH_SIZE * checkIndex(index, branchCount) + at);
    }

    /** The event counters of a branch, packed as the PMU has them; -1 if they were not recorded. */
    public long branchCounters(int index) {
        int checked = checkIndex(index, branchCount);
        return layout().branchCounters ? words.i64(branchCounterOffset + 8L * checked) : -1;
    }

    /** The hardware's index of the newest branch; -1 if it was not recorded or is not known. */
    public long branchHardwareIndex() {
        return has(SampleType.BRANCH_STACK) && layout().branchHardwareIndex ? words.i64(branchOffset - 8) : -1;
    }

    /** How many counters were read: 0 unless the event has {@link SampleType#READ}, 1 unless it has {@link ReadFormat#GROUP}. */
    public int readCount() {
        return has(SampleType.READ) ? counters.count() : 0;
    }

    private CounterValues counters() {
        layout();
        return counters;
    }

    /** The value of a counter. */
    public long readValue(int index) {
        return counters().value(checkIndex(index, readCount()));
    }

    /** The id of a counter; -1 if it was not recorded. */
    public long readId(int index) {
        return counters().option(checkIndex(index, readCount()), ReadFormat.ID);
    }

    /** How many samples of a counter were lost; -1 if it was not recorded. */
    public long readLost(int index) {
        return counters().option(checkIndex(index, readCount()), ReadFormat.LOST);
    }

    /** For how long the counters were enabled, in nanoseconds; -1 if it was not recorded. */
    public long timeEnabled() {
        return has(SampleType.READ) ? counters().time(ReadFormat.TOTAL_TIME_ENABLED) : -1;
    }

    /** For how long the counters counted, in nanoseconds; -1 if it was not recorded. */
    public long timeRunning() {
        return has(SampleType.READ) ? counters().time(ReadFormat.TOTAL_TIME_RUNNING) : -1;
    }

    /** The cost of the sampled instruction, as the PMU counts it: {@code union perf_sample_weight}; -1 if it was not recorded. */
    public long weight() {
        return has(SampleType.WEIGHT | SampleType.WEIGHT_STRUCT) ? words.i64(weightOffset) : -1;
    }

    /** Where the data came from: {@code union perf_mem_data_src}; -1 if it was not recorded. */
    public long dataSource() {
        return has(SampleType.DATA_SRC) ? words.i64(dataSourceOffset) : -1;
    }

    /** {@code PERF_TXN_*}; -1 if it was not recorded. */
    public long transaction() {
        return has(SampleType.TRANSACTION) ? words.i64(transactionOffset) : -1;
    }

    /** {@link PerfRegisters#ABI_NONE} if the sample has no registers of the interrupt, else of which kind they are. */
    public int interruptRegisterAbi() {
        return interruptRegisterAbi;
    }

    /** Which registers of the interrupt the sample has: a bit for each of {@link PerfRegisters}; 0 if none. */
    public long interruptRegisterMask() {
        return interruptRegisterMask;
    }

    /**
     * A register of the interrupt: a number of {@link PerfRegisters}.
     *
     * @throws IndexOutOfBoundsException if the sample does not have it
     */
    public long interruptRegister(int register) {
        return register(interruptRegisterOffset, interruptRegisterMask, register);
    }

    /** The physical address of {@link #address}; -1 if it was not recorded. */
    public long physicalAddress() {
        return has(SampleType.PHYS_ADDR) ? words.i64(physicalAddressOffset) : -1;
    }

    /** The control group's id; -1 if it was not recorded. */
    public long cgroup() {
        return has(SampleType.CGROUP) ? words.i64(cgroupOffset) : -1;
    }

    /** The size of the page of {@link #address}; -1 if it was not recorded. */
    public long dataPageSize() {
        return has(SampleType.DATA_PAGE_SIZE) ? words.i64(dataPageSizeOffset) : -1;
    }

    /** The size of the page of {@link #ip}; -1 if it was not recorded. */
    public long codePageSize() {
        return has(SampleType.CODE_PAGE_SIZE) ? words.i64(codePageSizeOffset) : -1;
    }

    /** The size of the hardware trace in the sample, in bytes. */
    public int auxSize() {
        return auxSize;
    }

    /** Where the hardware trace lies. */
    public long auxOffset() {
        return auxOffset;
    }

    /** Where the last field that is known ends; at most {@link #size} behind {@link #offset}. */
    public long contentEnd() {
        return contentEnd;
    }

    /** Where the part of a bit of {@link SampleType} starts, its counts and sizes included; the sample has it. */
    long partStart(long field) {
        return partEnds(field, true);
    }

    /** Where the part of a bit of {@link SampleType} ends; the sample has it. */
    long partEnd(long field) {
        return partEnds(field, false);
    }

    private long partEnds(long field, boolean atStart) {
        if (!has(field)) {
            throw new IllegalArgumentException("the sample does not have the field 0x" + Long.toHexString(field));
        }
        return switch ((int) field) {
            case (int) SampleType.READ -> atStart ? counters.start() : counters.end();
            case (int) SampleType.CALLCHAIN -> atStart ? callchainOffset - 8 : callchainOffset + 8L * callchainLength;
            case (int) SampleType.RAW -> atStart ? rawOffset - 4 : rawOffset + rawSize;
            case (int) SampleType.BRANCH_STACK -> atStart ? branchStart : branchEnd;
            case (int) SampleType.REGS_USER ->
                atStart ? userRegisterOffset - 8 : userRegisterOffset + 8L * Long.bitCount(userRegisterMask);
            case (int) SampleType.STACK_USER ->
                atStart ? stackOffset - 8 : stackOffset + stackDumpSize + (stackDumpSize > 0 ? 8 : 0);
            case (int) SampleType.WEIGHT, (int) SampleType.WEIGHT_STRUCT -> word(weightOffset, atStart);
            case (int) SampleType.DATA_SRC -> word(dataSourceOffset, atStart);
            case (int) SampleType.TRANSACTION -> word(transactionOffset, atStart);
            case (int) SampleType.REGS_INTR ->
                atStart
                        ? interruptRegisterOffset - 8
                        : interruptRegisterOffset + 8L * Long.bitCount(interruptRegisterMask);
            case (int) SampleType.PHYS_ADDR -> word(physicalAddressOffset, atStart);
            case (int) SampleType.CGROUP -> word(cgroupOffset, atStart);
            case (int) SampleType.DATA_PAGE_SIZE -> word(dataPageSizeOffset, atStart);
            case (int) SampleType.CODE_PAGE_SIZE -> word(codePageSizeOffset, atStart);
            case (int) SampleType.AUX -> atStart ? auxOffset - 8 : auxOffset + auxSize;
            default -> throw new IllegalArgumentException("0x" + Long.toHexString(field) + " is no part of its own");
        };
    }

    private static long word(long at, boolean atStart) {
        return atStart ? at : at + 8;
    }

    /** Where the sample has a field with a fixed place; -1 if it does not have it. */
    long fixedStart(long field) {
        SampleLayout current = layout();
        int at = switch ((int) field) {
            case (int) SampleType.IDENTIFIER -> current.identifier;
            case (int) SampleType.IP -> current.ip;
            case (int) SampleType.TID -> current.tid;
            case (int) SampleType.TIME -> current.time;
            case (int) SampleType.ADDR -> current.addr;
            case (int) SampleType.ID -> current.id;
            case (int) SampleType.STREAM_ID -> current.streamId;
            case (int) SampleType.CPU -> current.cpu;
            case (int) SampleType.PERIOD -> current.period;
            default -> -1;
        };
        return at < 0 ? -1 : offset + at;
    }

    private static int checkIndex(int index, int count) {
        if (index < 0 || index >= count) {
            throw new IndexOutOfBoundsException(index);
        }
        return index;
    }

    @Override
    public String toString() {
        return "sample at 0x%x, %d bytes".formatted(offset, size);
    }
}
