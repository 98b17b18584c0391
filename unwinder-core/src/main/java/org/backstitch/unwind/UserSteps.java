package org.backstitch.unwind;

import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RIP;
import static org.backstitch.unwind.machine.X86_64.RSP;

import org.backstitch.bytes.Bytes;
import org.backstitch.elf.dwarf.UnwindRow;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.table.RuleDictionary;
import org.backstitch.unwind.table.SavedRegisters;
import org.backstitch.unwind.table.UnwindInfo;
import org.backstitch.unwind.table.UnwindRule;
import org.jspecify.annotations.Nullable;

/**
 * The steps of a user stack's walk that are not for a hot loop: by rules of any shape, behind system calls, without a rule; and why a
 * chain ends. {@link PlainWalk} and {@link FullWalk} come here with what their caches do not hold.
 *
 * <p>A step goes from {@link #frame} to its caller, and marks and ends the chain. Not thread-safe.
 */
final class UserSteps {
    private final RuleNumberCache numbers = new RuleNumberCache();
    private final FrameStep frameStep = new FrameStep();
    private final CycleDetector cycles = new CycleDetector();

    // The walk that is going on.
    private AddressSpace space = AddressSpace.EMPTY;
    private Registers start = new Registers();
    private StackDump stack = new StackDump();
    private Callchain chain = new Callchain();
    private @Nullable Mapping mapping;
    private boolean full;

    // What find found.
    private long rule;
    private long saved;
    private @Nullable UnwindRow side;

    /** Begins with another stack. */
    void begin(
            AddressSpace addressSpace, Registers registers, StackDump dump, @Nullable Memory memory, Callchain result) {
        if (addressSpace != space) {
            space = addressSpace;
            mapping = null;
        }
        start = registers;
        stack = dump;
        chain = result;
        frameStep.begin(addressSpace, dump, memory);
    }

    /**
     * Begins the walk, or begins it again: the chain is empty.
     *
     * @param allRegisters whether more than RIP, RSP and RBP are recovered
     */
    void restart(boolean allRegisters) {
        full = allRegisters;
        chain.clear();
        cycles.begin();
    }

    /** The registers that the stack starts with. */
    Registers start() {
        return start;
    }

    /** Makes {@link #frame} the one that the stack starts with. */
    Registers enterFirst() {
        frameStep.restart(start);
        return frameStep.frame();
    }

    AddressSpace space() {
        return space;
    }

    StackDump stack() {
        return stack;
    }

    Callchain chain() {
        return chain;
    }

    /** The registers of the frame that the next step starts from. */
    Registers frame() {
        return frameStep.frame();
    }

    /** Since the last step here, others were made that were those of calls. */
    void followCalls() {
        frameStep.followCalls();
    }

    /** After a step: whether the pc reached is exact, because its frame was interrupted. */
    boolean isExact() {
        return frameStep.isExact();
    }

    /** Whether a step failed because it needs a register that is not known. */
    boolean wantedUnknownRegister() {
        return frameStep.wantedUnknownRegister();
    }

    /** Finds the rule for an address, which the next step will be by; gives its word. */
    long find(long lookupPc) {
        rule = UnwindRule.NONE;
        saved = SavedRegisters.SAME;
        side = null;
        ElfModule module = moduleAt(lookupPc);
        Mapping here = mapping;
        if (module == null || here == null) {
            return rule;
        }
        long vaddr = here.vaddr(lookupPc);
        long key = vaddr + module.tag();
        int number;
        if (numbers.holds(key)) {
            number = numbers.number(key);
        } else {
            number = module.rules().find(vaddr);
            if (module.tag() != 0
                    && PlainRuleCache.plain(module.rules().dictionary().rule(number)) == PlainRuleCache.NOT_PLAIN) {
                numbers.put(key, number);
            }
        }
        take(module.rules().dictionary(), number);
        return rule;
    }

    private void take(RuleDictionary dictionary, int number) {
        rule = dictionary.rule(number);
        saved = dictionary.saved(number);
        side = UnwindRule.hasSide(rule) ? dictionary.side(number) : null;
    }

    /** The word of the registers that the rule found says to be saved. */
    long saved() {
        return saved;
    }

    /** Goes to the caller by the rule found, for RIP, RSP and RBP only; false if the chain ends here. */
    boolean stepPlainly() {
        return step(rule, SavedRegisters.SAME, UnwindRule.kind(rule) == UnwindRule.SIDE ? side : null);
    }

    /** Goes to the caller by the rule found; false if the chain ends here. */
    boolean step() {
        return step(rule, saved, side);
    }

    /** Goes from {@link #frameStep}'s frame to its caller by any rule, or without one. */
    private boolean step(long rule, long saved, @Nullable UnwindRow side) {
        Registers frame = frameStep.frame();
        long calleeSp = frame.sp();
        long calleePc = frame.pc();
        switch (UnwindRule.kind(rule)) {
            case UnwindRule.END -> {
                return end(StopReason.END_OF_STACK);
            }
            case UnwindRule.UNDEFINED -> {
                return end(StopReason.NO_UNWIND_INFO);
            }
            case UnwindRule.MALFORMED -> {
                return end(StopReason.BAD_UNWIND_INFO);
            }
            case UnwindRule.NONE_KIND -> {
                UnwindInfo rules = rulesBehindSystemCall();
                if (rules != null && mapping != null) {
                    int number = rules.find(mapping.vaddr(calleePc) - 1);
                    RuleDictionary dictionary = rules.dictionary();
                    return step(dictionary.rule(number), dictionary.saved(number), dictionary.side(number));
                }
                UnwindInfo made = madeRules();
                if (made != null) {
                    return stepByMadeRule(made, calleePc, calleeSp);
                }
                if (!stepWithoutRule()) {
                    StopReason failure = frameStep.failure();
                    return end(failure == StopReason.NONE ? StopReason.NO_UNWIND_INFO : failure);
                }
            }
            default -> {
                if (!frameStep.step(rule, saved, side)) {
                    return end(frameStep.failure());
                }
                if (frameStep.reliedOnLeftOver() && !isReturnAddress(frame.pc())) {
                    return end(StopReason.BAD_UNWIND_INFO);
                }
                if (frameStep.isExact()) {
                    chain.markNext(true, FrameOrigin.TABLE);
                }
            }
        }
        return hasProgressed(calleePc, calleeSp);
    }

    /** Whether the step that was made from a pc and RSP led to a caller; if not, the chain has ended. */
    private boolean hasProgressed(long calleePc, long calleeSp) {
        Registers frame = frameStep.frame();
        if (frame.pc() == 0 && !frameStep.isExact()) { // where it is exact, something was called that is not there
            return end(StopReason.END_OF_STACK);
        }
        if (frame.pc() == calleePc && frame.sp() == calleeSp) {
            return end(StopReason.NO_PROGRESS);
        }
        if (Long.compareUnsigned(frame.sp(), calleeSp) <= 0) {
            int before = cycles.standing(frame, chain.size);
            if (before >= 0) {
                chain.truncate(before);
                return end(StopReason.NO_PROGRESS);
            }
        }
        return true;
    }

    private boolean end(StopReason reason) {
        chain.stop(reason);
        return false;
    }

    /**
     * The rules for a first frame that no row covers, but a row ends right there, behind a system call: the task is in the kernel, and
     * where it would go on is not code of the function any more. glibc's {@code __restore_rt} ends so, and functions that end in a
     * call of {@code exit_group}. A system call leaves the stack as it is, so its own row holds. Null if it is not so.
     */
    private @Nullable UnwindInfo rulesBehindSystemCall() {
        ElfModule module = chain.size == 1 ? moduleAt(frameStep.frame().pc()) : null;
        if (module == null || mapping == null) {
            return null;
        }
        long vaddr = mapping.vaddr(frameStep.frame().pc());
        return module.followsSystemCall(vaddr) && module.rules().find(vaddr - 1) != 0 ? module.rules() : null;
    }

    /** The rules made from the code of the module at the current frame, if they have one for its pc. */
    private @Nullable UnwindInfo madeRules() {
        long lookupPc = lookupPc();
        ElfModule module = moduleAt(lookupPc);
        if (module == null || mapping == null) {
            return null;
        }
        UnwindInfo made = module.madeRules();
        return made.find(mapping.vaddr(lookupPc)) == 0 ? null : made;
    }

    private long lookupPc() {
        long pc = frameStep.frame().pc();
        return chain.isExact(chain.size - 1) ? pc : pc - 1;
    }

    private boolean stepByMadeRule(UnwindInfo made, long calleePc, long calleeSp) {
        int number = mapping == null ? 0 : made.find(mapping.vaddr(lookupPc()));
        RuleDictionary dictionary = made.dictionary();
        long word = dictionary.rule(number);
        if (UnwindRule.kind(word) == UnwindRule.END) {
            return end(StopReason.END_OF_STACK);
        }
        UnwindRow row = full || UnwindRule.kind(word) == UnwindRule.SIDE ? dictionary.side(number) : null;
        if (!frameStep.step(word, dictionary.saved(number), row)) {
            return end(frameStep.failure());
        }
        if (frameStep.reliedOnLeftOver() && !isReturnAddress(frameStep.frame().pc())) {
            return end(StopReason.BAD_UNWIND_INFO);
        }
        boolean progressed = hasProgressed(calleePc, calleeSp);
        if (progressed) {
            chain.markNext(false, FrameOrigin.SYNTHESIZED);
        }
        return progressed;
    }

    /**
     * Where no row covers the pc: the code of a signal handler's return, which proves what it does; then the word at the stack pointer,
     * for a frame that was interrupted and may have pushed nothing yet; then the frame pointer. The latter two only if what is found
     * there is an address that a call or a signal may have left: {@link #isReturnAddress}. A caller where no code can be is none: then the
     * frame pointer is as good as that, and leads past frames.
     */
    private boolean stepWithoutRule() {
        Registers frame = frameStep.frame();
        frameStep.forgetFailure();
        long sp = frame.sp();
        if (isSignalReturn(frame.pc())) {
            boolean done = frameStep.stepToInterrupted(sp);
            if (done) {
                chain.markNext(true, FrameOrigin.SYNTHESIZED);
            }
            return done;
        }
        if (chain.isExact(chain.size - 1) && frameStep.isReadable(sp, Long.BYTES)) {
            long candidate = frameStep.readLong(sp);
            if (isReturnAddress(candidate)) {
                frame.set(RIP, candidate).set(RSP, sp + Long.BYTES);
                chain.markNext(false, FrameOrigin.RETURN_SLOT);
                return true;
            }
        }
        if (calledNothing(frame.pc())
                && !frameStep.isReadable(sp, Long.BYTES)
                && frameStep.whyUnreadable(sp) == StopReason.DUMP_EXHAUSTED) {
            return frameStep.unreadable(sp);
        }
        if (!chain.isExact(chain.size - 1) && isNoCode(frame.pc() - 1)) {
            return false;
        }
        long bp = frame.get(RBP);
        if (frame.isKnown(RBP)
                && Long.compareUnsigned(bp, sp) >= 0
                && isSameStack(bp, sp)
                && frameStep.isReadable(bp, Long.BYTES)
                && frameStep.isReadable(bp + Long.BYTES, Long.BYTES)) {
            long candidate = frameStep.readLong(bp + Long.BYTES);
            if (isReturnAddress(candidate) && !isCallOfAnother(candidate)) {
                long callersBp = frameStep.readLong(bp);
                // What the code without a table has done to the other registers is not known.
                frame.clear();
                frame.set(RIP, candidate).set(RSP, bp + 2 * Long.BYTES).set(RBP, callersBp);
                chain.markNext(false, FrameOrigin.FRAME_POINTER);
                return true;
            }
        }
        return false;
    }

    /**
     * Whether the current frame is where no code can be, and something was called there all the same: a null pointer to a function, say.
     * Then only the word at the stack pointer tells from where.
     */
    private boolean calledNothing(long pc) {
        return isNoCode(pc) && chain.isExact(chain.size - 1);
    }

    /** Whether no code can be at an address: what is mapped there cannot be executed, or no process can have anything there. */
    private boolean isNoCode(long address) {
        Mapping there = space.find(address);
        return there == null ? !FrameStep.isPossible(address) : !there.isExecutable();
    }

    /**
     * Whether a return address in the file of the current frame, which has no row, lies behind the direct call of a function that has rows.
     * Then it is that function whose frame the frame pointer leads to: the current one has left RBP as it was, and called by it. Clang's
     * {@code __clang_call_terminate} without optimisation is such code. What a PLT's stub leads to may be anywhere.
     */
    private boolean isCallOfAnother(long returnAddress) {
        Mapping text = space.find(returnAddress - 1);
        ElfModule module = text == null ? null : text.module();
        if (text == null || module == null || moduleAt(lookupPc()) != module) {
            return false;
        }
        long vaddr = text.vaddr(returnAddress);
        Bytes call = module.elf()
                .bytesAt(vaddr - CallSites.CALL_RELATIVE_LENGTH, CallSites.CALL_RELATIVE_LENGTH)
                .orElse(null);
        if (call == null || call.u8(0) != CallSites.CALL_RELATIVE) {
            return false;
        }
        int number = module.rules().find(vaddr + call.i32(1));
        int kind = UnwindRule.kind(module.rules().dictionary().rule(number));
        return kind != UnwindRule.NONE_KIND && kind != UnwindRule.PLT;
    }

    /** A frame pointer that leads to another mapping than the stack pointer's is one of another stack, left over. */
    private boolean isSameStack(long bp, long sp) {
        Mapping stackMapping = space.find(sp);
        return stackMapping == null || stackMapping.contains(bp);
    }

    /** Whether an address lies in executable text and behind a call, or is where signal handlers return to. */
    private boolean isReturnAddress(long address) {
        Mapping text = space.find(address - 1);
        if (text == null || !text.isExecutable()) {
            return false;
        }
        ElfModule module = text.module();
        if (module != null) {
            if (module.isReturnAddress(text.vaddr(address))) {
                return true;
            }
        }
        Bytes before = codeInMemory(address - Long.BYTES);
        return before != null && CallSites.endsInCall(before) || isSignalReturn(address);
    }

    private boolean isSignalReturn(long pc) {
        Mapping text = space.find(pc);
        if (text == null || !text.isExecutable()) {
            return false;
        }
        ElfModule module = text.module();
        Bytes code = module == null
                ? null
                : module.elf().bytesAt(text.vaddr(pc), Long.BYTES).orElse(null);
        if (code == null) {
            code = codeInMemory(pc);
        }
        return code != null && CallSites.isSignalReturn(code);
    }

    /** Eight bytes of code that only memory has: made at run time, or of a file that is not at hand. */
    private @Nullable Bytes codeInMemory(long address) {
        if (!frameStep.isReadable(address, Long.BYTES)) {
            return null;
        }
        byte[] code = new byte[Long.BYTES];
        for (int i = 0; i < code.length; i++) {
            code[i] = (byte) (frameStep.readLong(address) >>> i * Byte.SIZE);
        }
        return Bytes.of(code, "memory");
    }

    /** The module whose code is mapped at an address, or null; {@link #mapping} is the mapping then. */
    private @Nullable ElfModule moduleAt(long address) {
        Mapping here = mapping;
        if (here == null || !here.contains(address)) {
            int text = space.findText(address);
            here = text < 0 ? null : space.textMapping(text);
            mapping = here;
        }
        return here == null ? null : here.module();
    }
}
