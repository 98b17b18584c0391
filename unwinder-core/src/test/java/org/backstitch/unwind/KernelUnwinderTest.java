package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.backstitch.elf.orc.OrcEntry;
import org.backstitch.elf.orc.OrcRegister;
import org.backstitch.elf.orc.OrcType;
import org.backstitch.unwind.machine.PtRegs;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.OrcCompiler;
import org.backstitch.unwind.table.UnwindRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Each way from one kernel frame to the next, on stacks laid out by hand.
 *
 * <p>Functions of the tests' kernel are 0x100 bytes long, with one row each; what it says stands where the function is declared.
 */
class KernelUnwinderTest {
    private static final long TEXT = 0xffff_ffff_8100_0000L;
    private static final long FUNCTION_SIZE = 0x100;

    private static final long TASK = 0xffff_c900_0010_0000L;
    private static final long TASK_END = TASK + 0x4000;
    private static final long IRQ = 0xffff_c900_0000_0000L;
    private static final long IRQ_END = IRQ + 0x4000;
    private static final long NMI = 0xffff_fe00_0000_c000L;
    private static final long NMI_END = NMI + 0x2000;
    private static final long ENTRY = 0xffff_fe00_0000_2000L;
    private static final long ENTRY_END = ENTRY + 0x1000;
    private static final long USER_CS = 0x33;
    private static final long KERNEL_CS = 0x10;

    private static final KernelStacks SLEEPING = KernelStacks.ofTask(TASK, TASK_END);
    private static final KernelStacks ON_CPU = KernelStacks.of(List.of(
                    new KernelStack("irq", IRQ, IRQ_END),
                    new KernelStack("nmi", NMI, NMI_END),
                    new KernelStack("entry", ENTRY, ENTRY_END)))
            .withTask(TASK, TASK_END);

    private final SparseMemory memory = new SparseMemory();
    private final TreeMap<Long, Long> rows = new TreeMap<>(Long::compareUnsigned);
    private final KernelCallchain chain = new KernelCallchain();
    private KernelUnwinder unwinder = new KernelUnwinder(this::rule, memory);

    private long rule(long pc) {
        var row = rows.floorEntry(pc);
        return row == null || pc - row.getKey() >= FUNCTION_SIZE ? UnwindRule.NONE : row.getValue();
    }

    /** A new function with one row; its address. */
    private long function(OrcEntry entry) {
        long address = TEXT + rows.size() * FUNCTION_SIZE;
        rows.put(address, OrcCompiler.rule(entry));
        return address;
    }

    private static OrcEntry entry(OrcType type, OrcRegister sp, int offset, boolean signal) {
        return new OrcEntry(type, sp, offset, OrcRegister.UNDEFINED, 0, signal);
    }

    /** {@code sp:sp+N bp:(und)}: a function that has pushed N - 8 bytes. */
    private static OrcEntry call(int offset) {
        return entry(OrcType.CALL, OrcRegister.SP, offset, false);
    }

    /** {@code sp:bp+16 bp:prevsp-16}: a function with a frame pointer. */
    private static final OrcEntry FRAME_POINTER =
            new OrcEntry(OrcType.CALL, OrcRegister.BP, 16, OrcRegister.PREV_SP, -16, false);

    /** {@code type:regs sp:sp+0 signal:1}: entry code that calls a handler with complete registers pushed. */
    private static final OrcEntry REGS = entry(OrcType.REGS, OrcRegister.SP, 0, true);

    /** {@code type:regs (partial) sp:sp+N signal:1}: entry code above the hardware's frame. */
    private static OrcEntry partial(int offset) {
        return entry(OrcType.REGS_PARTIAL, OrcRegister.SP, offset, true);
    }

    /** Writes a complete {@code struct pt_regs}: every register has 0x7000 + its number, except for those given. */
    private void registers(long address, long pc, long sp, long rbp, long cs) {
        for (int register = 0; register < X86_64.COUNT; register++) {
            memory.put(address + PtRegs.offset(register), 0x7000L + register);
        }
        memory.put(address + PtRegs.offset(X86_64.RIP), pc);
        memory.put(address + PtRegs.offset(X86_64.RSP), sp);
        memory.put(address + PtRegs.offset(X86_64.RBP), rbp);
        memory.put(address + PtRegs.CS, cs);
        memory.put(address + PtRegs.FLAGS, 0x246);
        memory.put(address + PtRegs.ORIG_AX, -1);
        memory.put(address + PtRegs.SS, 0x18);
    }

    private void iretFrame(long address, long pc, long sp, long cs) {
        memory.put(address, pc)
                .put(address + 8, cs)
                .put(address + 16, 0x246)
                .put(address + 24, sp)
                .put(address + 32, 0x18);
    }

    private static long[] cpu(long pc, long sp, long rbp) {
        long[] values = new long[X86_64.COUNT];
        for (int register = 0; register < values.length; register++) {
            values[register] = 0x5000L + register;
        }
        values[X86_64.RIP] = pc;
        values[X86_64.RSP] = sp;
        values[X86_64.RBP] = rbp;
        return values;
    }

    private StopReason walkSleeping(long sp, long rbp, long pc) {
        return unwinder.walkSleeping(sp, rbp, pc, false, SLEEPING, chain);
    }

    private StopReason walkCpu(long pc, long sp, long rbp) {
        return unwinder.walkRegisters(cpu(pc, sp, rbp), KERNEL_CS, ON_CPU, chain);
    }

    /** The frames as {@code pc sp}, {@code !} behind an exact pc. */
    private List<String> frames() {
        List<String> frames = new ArrayList<>();
        for (int i = 0; i < chain.size(); i++) {
            frames.add(Long.toHexString(chain.pc(i)) + " " + Long.toHexString(chain.sp(i))
                    + (chain.isInterrupted(i) ? " !" : ""));
        }
        return frames;
    }

    private static String frame(long pc, long sp) {
        return Long.toHexString(pc) + " " + Long.toHexString(sp);
    }

    private static String exactFrame(long pc, long sp) {
        return frame(pc, sp) + " !";
    }

    // ---- Calls ----

    @Test
    void aSleepingTaskUpToTheEndOfAKernelThread() {
        // __schedule has 0x38 bytes on the stack, kthread 0x10; ret_from_fork's row says END.
        long schedule = function(call(0x38));
        long kthread = function(call(0x10));
        long retFromFork = function(OrcEntry.END_OF_STACK);
        memory.put(TASK + 0x3e30, kthread + 0x40).put(TASK + 0x3e40, retFromFork + 0x22);

        assertEquals(StopReason.END_OF_STACK, walkSleeping(TASK + 0x3e00, 7, schedule + 0x4c));
        assertEquals(
                List.of(
                        frame(schedule + 0x4c, TASK + 0x3e00),
                        frame(kthread + 0x40, TASK + 0x3e38),
                        frame(retFromFork + 0x22, TASK + 0x3e48)),
                frames());
        // Nobody has touched RBP.
        assertEquals(7, chain.rbp(2));
        assertFalse(chain.hasUserFrame());
    }

    @Test
    void aReturnAddressBehindTheCallersEndBelongsToTheCaller() {
        // panic() is noreturn: the call to it is its caller's last instruction, and the return address begins the next
        // function.
        long panic = function(call(0x20));
        long caller = function(call(0x40));
        long next = function(call(0x8));
        long end = function(OrcEntry.END_OF_STACK);
        memory.put(TASK + 0x1018, next).put(TASK + 0x1058, end + 1);

        assertEquals(StopReason.END_OF_STACK, walkSleeping(TASK + 0x1000, 0, panic + 8));
        assertEquals(
                List.of(
                        frame(panic + 8, TASK + 0x1000),
                        frame(caller + FUNCTION_SIZE, TASK + 0x1020),
                        frame(end + 1, TASK + 0x1060)),
                frames());
    }

    @Test
    void framePointersAndSavedRbp() {
        long inner = function(FRAME_POINTER);
        long outer = function(FRAME_POINTER);
        long end = function(OrcEntry.END_OF_STACK);
        memory.put(TASK + 0x1100, TASK + 0x1200).put(TASK + 0x1108, outer + 5);
        memory.put(TASK + 0x1200, 0x99).put(TASK + 0x1208, end + 5);

        assertEquals(StopReason.END_OF_STACK, walkSleeping(TASK + 0x1000, TASK + 0x1100, inner + 5));
        assertEquals(
                List.of(
                        frame(inner + 5, TASK + 0x1000),
                        frame(outer + 5, TASK + 0x1110),
                        frame(end + 5, TASK + 0x1210)),
                frames());
        assertEquals(TASK + 0x1200, chain.rbp(1));
        assertEquals(0x99, chain.rbp(2));
    }

    @Test
    void aFunctionThatRealignsItsStackThroughRbp() {
        // lea 8(%rsp),%r10; and $-64,%rsp; push -8(%r10); push %rbp; mov %rsp,%rbp; push %r10: R10 is the CFA, at RBP -
        // 8.
        long realigned = function(new OrcEntry(OrcType.CALL, OrcRegister.BP_INDIRECT, -8, OrcRegister.BP, 0, false));
        long end = function(OrcEntry.END_OF_STACK);
        memory.put(TASK + 0x10f8, TASK + 0x1150).put(TASK + 0x1100, 0x77).put(TASK + 0x1148, end + 1);

        assertEquals(StopReason.END_OF_STACK, walkSleeping(TASK + 0x1000, TASK + 0x1100, realigned + 0x30));
        assertEquals(frame(end + 1, TASK + 0x1150), frames().get(1));
        assertEquals(0x77, chain.rbp(1));
    }

    @Test
    void anInterruptInAFunctionThatRealignsItsStackBeforeR10IsSaved() {
        // Between mov %rsp,%rbp and push %r10 the CFA is in R10 only, the caller's RBP at RBP: sp:r10+0 bp:bp+0.
        long realigned = function(new OrcEntry(OrcType.CALL, OrcRegister.R10, 0, OrcRegister.BP, 0, false));
        long end = function(OrcEntry.END_OF_STACK);
        memory.put(TASK + 0x1100, 0x77).put(TASK + 0x1148, end + 1);
        long[] values = cpu(realigned + 0x10, TASK + 0x1100, TASK + 0x1100);
        values[X86_64.R10] = TASK + 0x1150;

        assertEquals(StopReason.END_OF_STACK, unwinder.walkRegisters(values, KERNEL_CS, ON_CPU, chain));
        assertEquals(frame(end + 1, TASK + 0x1150), frames().get(1));
        assertEquals(0x77, chain.rbp(1));
    }

    @Test
    void aTaskThatHasNeverRun() {
        // fork_frame: nobody called ret_from_fork, and what stands before it is something else (padding: UNDEFINED).
        function(OrcEntry.UNDEFINED);
        long retFromFork = function(OrcEntry.END_OF_STACK);
        assertEquals(
                StopReason.END_OF_STACK, unwinder.walkSleeping(TASK + 0x3f48, 0, retFromFork, true, SLEEPING, chain));
        // Its pc is exact, but nobody has interrupted it.
        assertEquals(List.of(frame(retFromFork, TASK + 0x3f48)), frames());
        assertEquals(
                StopReason.NO_UNWIND_INFO,
                unwinder.walkSleeping(TASK + 0x3f48, 0, retFromFork, false, SLEEPING, chain));
    }

    // ---- Registers ----

    @Test
    void anInterruptOfTheKernel() {
        // handler called by asm_common_interrupt with complete registers at its SP; the function below had its frame
        // pointer set up.
        long handler = function(call(0x10));
        long asm = function(REGS);
        long interrupted = function(FRAME_POINTER);
        long end = function(OrcEntry.END_OF_STACK);
        long regs = TASK + 0x1010;
        memory.put(TASK + 0x1008, asm + 0x26);
        registers(regs, interrupted, regs + PtRegs.SIZE, TASK + 0x1200, KERNEL_CS);
        memory.put(TASK + 0x1200, 0x55).put(TASK + 0x1208, end + 9);

        assertEquals(StopReason.END_OF_STACK, walkCpu(handler + 0x80, TASK + 0x1000, 0x1234));
        // The interrupted pc is the very first of its function: it is looked up as it is.
        assertEquals(
                List.of(
                        exactFrame(handler + 0x80, TASK + 0x1000),
                        frame(asm + 0x26, regs),
                        exactFrame(interrupted, regs + PtRegs.SIZE),
                        frame(end + 9, TASK + 0x1210)),
                frames());
        assertEquals(0x1234, chain.rbp(1));
        assertEquals(TASK + 0x1200, chain.rbp(2), "RBP comes from complete registers");
        assertEquals(regs, chain.registersAddress(2));
        assertTrue(chain.hasFullRegisters(2));
        assertEquals(0, chain.registersAddress(3));
    }

    @Test
    void registersOfUserMode() {
        long syscall = function(call(0x8));
        long entrySyscall = function(REGS);
        long regs = TASK_END - PtRegs.SIZE;
        memory.put(regs - 8, entrySyscall + 0xaf);
        registers(regs, 0x7f00_1234_5678L, 0x7ffc_0000_1000L, 0x42, USER_CS);

        assertEquals(StopReason.USER_REGISTERS, walkSleeping(regs - 8, 0, syscall + 3));
        assertEquals(List.of(frame(syscall + 3, regs - 8), frame(entrySyscall + 0xaf, regs)), frames());
        assertTrue(chain.hasUserFrame());
        assertEquals(0x7f00_1234_5678L, chain.userPc());
        assertEquals(0x7ffc_0000_1000L, chain.userSp());
        assertEquals(regs, chain.userRegistersAddress());
        assertTrue(chain.hasFullUserRegisters());
    }

    @Test
    void theHardwaresFrameOfUserMode() {
        // asm_exc_page_fault before anything is pushed but the error code.
        long entry = function(partial(8));
        long frame = ENTRY_END - PtRegs.IRET_FRAME_SIZE;
        iretFrame(frame, 0x40_1000, 0x7ffc_0000_1000L, USER_CS);
        assertEquals(StopReason.USER_REGISTERS, walkCpu(entry, frame - 8, 0));
        assertEquals(0x40_1000, chain.userPc());
        assertFalse(chain.hasFullUserRegisters());
        assertEquals(frame - PtRegs.IRET_FRAME_OFFSET, chain.userRegistersAddress());
    }

    @Test
    void aCpuInUserMode() {
        assertEquals(
                StopReason.USER_REGISTERS,
                unwinder.walkRegisters(cpu(0x40_1000, 0x7ffc_0000_1000L, 1), USER_CS, ON_CPU, chain));
        assertEquals(0, chain.size());
        assertEquals(0x40_1000, chain.userPc());
        assertEquals(0, chain.userRegistersAddress());
        assertTrue(chain.hasFullUserRegisters());
    }

    @Test
    void savedRegistersAsTheStart() {
        long function = function(call(0x10));
        long end = function(OrcEntry.END_OF_STACK);
        registers(TASK + 0x800, function, TASK + 0x1000, 3, KERNEL_CS);
        memory.put(TASK + 0x1008, end + 1);
        assertEquals(StopReason.END_OF_STACK, unwinder.walkSavedRegisters(TASK + 0x800, SLEEPING, chain));
        assertEquals(List.of(exactFrame(function, TASK + 0x1000), frame(end + 1, TASK + 0x1010)), frames());
        assertEquals(TASK + 0x800, chain.registersAddress(0));

        registers(TASK + 0x900, 0x40_0000, 0x7ffc_0000_0000L, 3, USER_CS);
        assertEquals(StopReason.USER_REGISTERS, unwinder.walkSavedRegisters(TASK + 0x900, SLEEPING, chain));
        assertEquals(0, chain.size());
        assertEquals(TASK + 0x900, chain.userRegistersAddress());

        assertEquals(StopReason.BAD_MEMORY, unwinder.walkSavedRegisters(TASK + 0x2000, SLEEPING, chain));
        assertEquals(0, chain.size());
    }

    @Test
    void registersWithoutSignalMakeNoExactPc() {
        // 7.2 has rows of partial registers with signal:0; then even an interrupted pc is looked up one before.
        long entry = function(entry(OrcType.REGS_PARTIAL, OrcRegister.SP, 0, false));
        function(call(0x30));
        long after = function(OrcEntry.END_OF_STACK);
        iretFrame(TASK + 0x1000, after, TASK + 0x1040, KERNEL_CS);
        memory.put(TASK + 0x1068, after + 2);
        assertEquals(StopReason.END_OF_STACK, walkCpu(entry, TASK + 0x1000, 0));
        assertEquals(frame(after, TASK + 0x1040), frames().get(1));
        assertEquals(frame(after + 2, TASK + 0x1070), frames().get(2));
    }

    /** AX, DX, DI, R10, R13 as bases: from complete registers in memory; the offset is ignored. */
    @ParameterizedTest
    @EnumSource(names = {"AX", "DX", "DI", "R10", "R13"})
    void baseRegistersFromCompleteRegisters(OrcRegister base) {
        long handler = function(call(0x8));
        long asm = function(REGS);
        long interrupted = function(entry(OrcType.CALL, base, 8, false));
        long end = function(OrcEntry.END_OF_STACK);
        long regs = TASK + 0x1008;
        memory.put(TASK + 0x1000, asm + 5);
        registers(regs, interrupted + 4, TASK + 0x1100, 0, KERNEL_CS);
        int dwarf = UnwindRule.base(rule(interrupted));
        memory.put(regs + PtRegs.offset(dwarf), TASK + 0x1180);
        memory.put(TASK + 0x1178, end + 1);

        assertEquals(StopReason.END_OF_STACK, walkCpu(handler, TASK + 0x1000, 0));
        assertEquals(frame(end + 1, TASK + 0x1180), frames().get(3));

        // The same function in a call: nobody knows the register any more.
        memory.put(TASK + 0x1000, interrupted + 4);
        assertEquals(StopReason.MISSING_REGISTER, walkCpu(handler, TASK + 0x1000, 0));
        assertEquals(2, chain.size());
    }

    @Test
    void aHardwareFrameKeepsTheCompleteRegistersBeforeIt() {
        // An NMI hits entry code before it has pushed anything: complete registers on the NMI stack, then the
        // hardware's frame below.
        // RBP and R10 of the interrupted function are still those of the NMI's registers (prev_regs).
        long nmiHandler = function(call(0x8));
        long asmNmi = function(REGS);
        long asmInterrupt = function(partial(0));
        long interrupted = function(entry(OrcType.CALL, OrcRegister.R10, 0, false));
        long end = function(OrcEntry.END_OF_STACK);
        long regs = NMI_END - PtRegs.SIZE;
        memory.put(regs - 8, asmNmi + 5);
        registers(regs, asmInterrupt, TASK + 0x1000, 0xb9, KERNEL_CS);
        memory.put(regs + PtRegs.offset(X86_64.R10), TASK + 0x1180);
        iretFrame(TASK + 0x1000, interrupted + 0x20, TASK + 0x1100, KERNEL_CS);
        memory.put(TASK + 0x1178, end + 1);

        assertEquals(StopReason.END_OF_STACK, walkCpu(nmiHandler, regs - 8, 0xeee));
        assertEquals(
                List.of(
                        exactFrame(nmiHandler, regs - 8),
                        frame(asmNmi + 5, regs),
                        exactFrame(asmInterrupt, TASK + 0x1000),
                        exactFrame(interrupted + 0x20, TASK + 0x1100),
                        frame(end + 1, TASK + 0x1180)),
                frames());
        assertEquals(0xb9, chain.rbp(3));
        assertFalse(chain.hasFullRegisters(3));
        assertEquals(TASK + 0x1000 - PtRegs.IRET_FRAME_OFFSET, chain.registersAddress(3));
    }

    @Test
    void twoHardwareFramesInARowStillKeepThem() {
        long nested = function(partial(0));
        long interrupted = function(entry(OrcType.CALL, OrcRegister.R13, 0, false));
        long end = function(OrcEntry.END_OF_STACK);
        long[] values = cpu(nested, TASK + 0x1000, 0x66);
        values[X86_64.R13] = TASK + 0x1200;
        iretFrame(TASK + 0x1000, nested + 1, TASK + 0x1080, KERNEL_CS);
        iretFrame(TASK + 0x1080, interrupted + 1, TASK + 0x1100, KERNEL_CS);
        memory.put(TASK + 0x11f8, end + 1);
        assertEquals(StopReason.END_OF_STACK, unwinder.walkRegisters(values, KERNEL_CS, ON_CPU, chain));
        assertEquals(frame(end + 1, TASK + 0x1200), frames().get(3));
        assertEquals(0x66, chain.rbp(2));
    }

    @Test
    void aHardwareFrameWithoutCompleteRegistersBefore() {
        // A call ends what is known of the registers: after it, RBP is what it was, and R10 is not known.
        long handler = function(call(0x8));
        long asm = function(partial(0));
        long interrupted = function(entry(OrcType.CALL, OrcRegister.R10, 0, false));
        memory.put(TASK + 0x1000, asm + 5);
        iretFrame(TASK + 0x1008, interrupted, TASK + 0x1100, KERNEL_CS);
        assertEquals(StopReason.MISSING_REGISTER, walkCpu(handler, TASK + 0x1000, 0xabc));
        assertEquals(3, chain.size());
        assertEquals(0xabc, chain.rbp(2));
    }

    // ---- Stacks ----

    @Test
    void fromTheIrqStackToTheTask() {
        // call_on_irqstack: the task's SP is saved in the topmost slot, and popped off it: sp:(sp)+16 with SP at that
        // slot.
        long handler = function(call(0x18));
        long sysvec =
                function(new OrcEntry(OrcType.CALL, OrcRegister.SP_INDIRECT, 16, OrcRegister.UNDEFINED, 0, false));
        long asm = function(REGS);
        memory.put(IRQ_END - 0x10, sysvec + 0x6c).put(IRQ_END - 8, TASK + 0x1000);
        long regs = TASK + 0x1010;
        memory.put(TASK + 0x1008, asm + 0x1a);
        registers(regs, 0x40_0000, 0x7ffc_0000_0000L, 0, USER_CS);

        assertEquals(StopReason.USER_REGISTERS, walkCpu(handler, IRQ_END - 0x20, 0));
        assertEquals(
                List.of(
                        exactFrame(handler, IRQ_END - 0x20),
                        frame(sysvec + 0x6c, IRQ_END - 8),
                        frame(asm + 0x1a, regs)),
                frames());
    }

    @Test
    void theOldMeaningOfSpIndirect() {
        // Before 5.12 entry code said: the previous SP lies at SP + offset (UNWIND_HINT_REGS indirect=1).
        long entry = function(entry(OrcType.REGS, OrcRegister.SP_OFFSET_INDIRECT, 8, true));
        registers(TASK + 0x1000, 0x40_0000, 0x7ffc_0000_0000L, 0, USER_CS);
        memory.put(IRQ_END - 8, TASK + 0x1000);
        assertEquals(StopReason.USER_REGISTERS, walkCpu(entry, IRQ_END - 0x10, 0));
    }

    @Test
    void anNmiAboveAnInterruptAboveATask() {
        long nmiHandler = function(call(0x8));
        long asmNmi = function(REGS);
        long irqHandler = function(call(0x8));
        long sysvec = function(new OrcEntry(OrcType.CALL, OrcRegister.SP_INDIRECT, 8, OrcRegister.UNDEFINED, 0, false));
        long end = function(OrcEntry.END_OF_STACK);
        long regs = NMI_END - PtRegs.SIZE;
        memory.put(regs - 8, asmNmi + 9);
        registers(regs, irqHandler + 7, IRQ_END - 0x10, 0, KERNEL_CS);
        memory.put(IRQ_END - 0x10, sysvec + 3).put(IRQ_END - 8, TASK + 0x2000);
        memory.put(TASK + 0x2000, end + 1);

        assertEquals(StopReason.END_OF_STACK, walkCpu(nmiHandler, regs - 8, 0));
        assertEquals(
                List.of(
                        exactFrame(nmiHandler, regs - 8),
                        frame(asmNmi + 9, regs),
                        exactFrame(irqHandler + 7, IRQ_END - 0x10),
                        frame(sysvec + 3, IRQ_END - 8),
                        frame(end + 1, TASK + 0x2008)),
                frames());
    }

    @Test
    void noStackIsVisitedTwice() {
        // The task's stack leads back to the IRQ stack that was left for it (get_stack_info's visit_mask).
        long switched =
                function(new OrcEntry(OrcType.CALL, OrcRegister.SP_INDIRECT, 8, OrcRegister.UNDEFINED, 0, false));
        memory.put(IRQ + 0x1000, TASK + 0x1000).put(TASK + 0x1000, switched + 1);
        memory.put(TASK + 0x1008, IRQ + 0x2000).put(IRQ + 0x2000, switched + 1);
        assertEquals(StopReason.BAD_STACK, walkCpu(switched, IRQ + 0x1000, 0));
        assertEquals(2, chain.size());
    }

    @Test
    void aSleepingTaskIsOnNoOtherStack() {
        long switched =
                function(new OrcEntry(OrcType.CALL, OrcRegister.SP_INDIRECT, 8, OrcRegister.UNDEFINED, 0, false));
        memory.put(TASK + 0x1000, IRQ + 0x1000).put(IRQ + 0x1000, switched);
        assertEquals(StopReason.BAD_STACK, walkSleeping(TASK + 0x1000, 0, switched + 1));
        assertEquals(1, chain.size());
    }

    @Test
    void anSpThatIsOnNoStack() {
        long function = function(call(8));
        assertEquals(StopReason.BAD_STACK, walkCpu(function, 0xffff_8880_0000_0000L, 0));
        assertEquals(1, chain.size());
        assertEquals(StopReason.BAD_STACK, walkCpu(function, 0, 0));
        assertEquals(StopReason.BAD_STACK, walkCpu(function, -8, 0));
        // The first instruction of a system call still has the user's SP; its row says END.
        long entrySyscall = function(OrcEntry.END_OF_STACK);
        assertEquals(StopReason.END_OF_STACK, walkCpu(entrySyscall, 0x7ffc_0000_0000L, 0));
    }

    @Test
    void aStackThatHasOverflowedIntoItsGuardPage() {
        long deep = function(call(0x18));
        long caller = function(OrcEntry.END_OF_STACK);
        memory.put(TASK, caller + 1);
        assertEquals(StopReason.END_OF_STACK, walkCpu(deep, TASK - 0x10, 0));
        assertEquals(List.of(exactFrame(deep, TASK - 0x10), frame(caller + 1, TASK + 8)), frames());
        // Farther below, it is another stack's business.
        assertEquals(StopReason.BAD_STACK, walkCpu(deep, TASK - 0x1010, 0));
    }

    @Test
    void wordsAcrossTheEndOfAStackAreNotOnIt() {
        long function = function(call(0x10));
        memory.zero(TASK_END - 0x100, TASK_END + 0x100);
        assertEquals(StopReason.BAD_STACK, walkCpu(function, TASK_END - 8, 0));
        long regs = function(REGS);
        assertEquals(StopReason.BAD_STACK, walkCpu(regs, TASK_END - PtRegs.SIZE + 8, 0));
    }

    @Test
    void bytesThatTheDumpLacks() {
        long function = function(call(0x10));
        assertEquals(StopReason.BAD_MEMORY, walkCpu(function, TASK + 0x1000, 0));
        assertEquals(1, chain.size());
    }

    // ---- Ends ----

    @Test
    void aCallThroughANullPointer() {
        // RIP 0, nothing pushed but the return address (null_orc_entry).
        long caller = function(call(0x20));
        long end = function(OrcEntry.END_OF_STACK);
        memory.put(TASK + 0x1000, caller + 0x12).put(TASK + 0x1020, end + 1);
        assertEquals(StopReason.END_OF_STACK, walkCpu(0, TASK + 0x1000, 0));
        assertEquals(
                List.of(
                        exactFrame(0, TASK + 0x1000),
                        frame(caller + 0x12, TASK + 0x1008),
                        frame(end + 1, TASK + 0x1028)),
                frames());
    }

    @Test
    void aReturnAddressOfZeroIsNoNullPointerCall() {
        long function = function(call(0x8));
        memory.put(TASK + 0x1000, 0);
        assertEquals(StopReason.NO_UNWIND_INFO, walkCpu(function, TASK + 0x1000, 0));
        assertEquals(2, chain.size());
    }

    @Test
    void codeThatNobodyKnows() {
        long undefined = function(OrcEntry.UNDEFINED);
        assertEquals(StopReason.NO_UNWIND_INFO, walkCpu(undefined, TASK + 0x1000, 0));
        assertEquals(StopReason.NO_UNWIND_INFO, walkCpu(0x1000, TASK + 0x1000, 0));
        assertEquals(1, chain.size());
    }

    @Test
    void asManyFramesAsWanted() {
        long recursive = function(call(0x10));
        for (long at = TASK; at < TASK_END; at += 0x10) {
            memory.put(at + 8, recursive + 1);
        }
        // Beyond the initial capacity of the chain, up to the stack's end.
        assertEquals(StopReason.BAD_STACK, walkCpu(recursive, TASK, 0));
        assertEquals(0x4000 / 0x10 + 1, chain.size());
        unwinder.setMaxFrames(3);
        assertEquals(StopReason.MAX_STACK, walkCpu(recursive, TASK, 0));
        assertEquals(3, chain.size());
        // A chain of just so many frames is complete.
        long end = function(OrcEntry.END_OF_STACK);
        memory.put(TASK + 0x18, end + 1);
        unwinder = new KernelUnwinder(this::rule, memory);
        unwinder.setMaxFrames(3);
        assertEquals(StopReason.END_OF_STACK, walkCpu(recursive, TASK, 0));
        assertEquals(3, chain.size());
    }

    @Test
    void stacksThatGoTheWrongWay() {
        // A frame pointer that points below itself; registers that say that they interrupted themselves.
        long backwards = function(FRAME_POINTER);
        memory.put(TASK + 0x1000, TASK + 0x800).put(TASK + 0x1008, backwards + 1);
        memory.put(TASK + 0x800, TASK + 0x1000).put(TASK + 0x808, backwards + 1);
        assertEquals(StopReason.NO_PROGRESS, walkCpu(backwards, TASK + 0x1000, TASK + 0x1000));
        assertEquals(2, chain.size());

        long asm = function(REGS);
        registers(TASK + 0x2000, asm, TASK + 0x2000, 0, KERNEL_CS);
        assertEquals(StopReason.NO_PROGRESS, walkCpu(asm, TASK + 0x2000, 0));
    }

    @Test
    void aLoopThroughRegistersThatPointNowhere() {
        // Registers at RBP + 0 whose SP is on no stack and whose pc and RBP lead to themselves: SP never goes backwards
        // on a stack.
        long loop = function(entry(OrcType.REGS, OrcRegister.BP, 0, true));
        registers(TASK + 0x2000, loop, 0x1000, TASK + 0x2000, KERNEL_CS);
        assertEquals(StopReason.NO_PROGRESS, walkCpu(loop, TASK + 0x1000, TASK + 0x2000));
        assertEquals(2, chain.size());
    }

    // ---- Tracers ----

    @Test
    void returnAddressesThatTracersHaveReplaced() {
        long traced = function(call(0x8));
        function(OrcEntry.UNDEFINED);
        long trampoline = function(OrcEntry.UNDEFINED);
        long caller = function(call(0x10));
        long end = function(OrcEntry.END_OF_STACK);
        memory.put(TASK + 0x1000, trampoline).put(TASK + 0x1010, end + 1);
        assertEquals(StopReason.NO_UNWIND_INFO, walkCpu(traced, TASK + 0x1000, 0));

        unwinder.setReturnHooks(
                (address, slot) -> address == trampoline && slot == TASK + 0x1000 ? caller + 4 : address);
        assertEquals(StopReason.END_OF_STACK, walkCpu(traced, TASK + 0x1000, 0));
        assertEquals(
                List.of(
                        exactFrame(traced, TASK + 0x1000),
                        frame(caller + 4, TASK + 0x1008),
                        frame(end + 1, TASK + 0x1018)),
                frames());
    }

    @Test
    void anInterruptAtTheEntryOfATrampoline() {
        // The RET has popped the trampoline's address: the slot is the one below the interrupted SP
        // (unwind_recover_rethook).
        long asm = function(REGS);
        long trampoline = function(OrcEntry.UNDEFINED);
        long caller = function(call(0x10));
        long end = function(OrcEntry.END_OF_STACK);
        registers(TASK + 0x1000, trampoline, TASK + 0x1100, 0, KERNEL_CS);
        memory.put(TASK + 0x1108, end + 1);
        unwinder.setReturnHooks(
                (address, slot) -> address == trampoline && slot == TASK + 0x10f8 ? caller + 4 : address);
        assertEquals(StopReason.END_OF_STACK, walkCpu(asm, TASK + 0x1000, 0));
        assertEquals(exactFrame(caller + 4, TASK + 0x1100), frames().get(1));
    }
}
