package org.backstitch.unwind;

import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RIP;
import static org.backstitch.unwind.machine.X86_64.RSP;

import java.lang.foreign.MemorySegment;
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
 * Walks the user stack of an x86-64 process, offline: from registers and stack bytes that were recorded, through the modules that were
 * mapped, by their unwind rules.
 *
 * {@snippet :
 * UserUnwinder unwinder = new UserUnwinder();      // one a thread
 * Callchain chain = new Callchain();               // filled anew each time
 * unwinder.unwind(space, registers, stack, chain);
 * for (int i = 0; i < chain.size(); i++) {
 *     System.out.printf("%x%n", chain.pc(i));
 * }
 * System.out.println(chain.stop().label());        // why it ends here
 * }
 *
 * <p>Every frame is given by a row of an unwind table, or says that it was not ({@link Callchain#origin}); every chain says why it
 * ends ({@link Callchain#stop}). A pc is looked up as it is in the first frame and above a signal frame, and less one in callers,
 * since a return address may lie behind the end of the function that called last.
 *
 * <p>Only RIP, RSP and RBP are recovered on the way, which is all that nearly every rule needs. Where a rule wants another register
 * (or the chain {@linkplain Callchain#recordRegisters keeps registers}), the stack is walked with all of them.
 *
 * <p>Costs: some ten nanoseconds a frame, no allocation, a megabyte or two for the cache of rules and the frames of the stacks walked last
 * ({@link PreviousStack}). Not thread-safe: a walker belongs to
 * one thread; the modules it walks through are shared.
 */
public final class UserUnwinder {
    /** A line of the processor's cache. */
    private static final int LINE = 64;

    /** A stack may have large holes, which no frame is read from. */
    private static final long MAX_TOUCHED = 8192;

    private final PlainRuleCache plainRules = new PlainRuleCache();
    private final RuleCache otherRules = new RuleCache();
    private @Nullable FullRuleCache fullCache;
    private final FrameStep frameStep = new FrameStep();
    private final CycleDetector cycles = new CycleDetector();
    private final PreviousStacks previousStacks = new PreviousStacks();

    /** Keeps the loads of {@link #touch} from being optimised away. */
    @SuppressWarnings("UnusedVariable") // that it is written is what counts
    private long touched;

    // The walk that is going on.
    private AddressSpace space = AddressSpace.EMPTY;
    private Registers start = new Registers();
    private StackDump stack = new StackDump();
    private Callchain chain = new Callchain();
    private @Nullable Mapping mapping;
    private boolean full;

    /** How a step of the rare kind ended. */
    private enum Outcome {
        CALLER,
        END,
        WANTS_ALL_REGISTERS
    }

    /** A walker with an empty cache. */
    public UserUnwinder() {}

    /**
     * Walks a stack of which only a dump is known, as perf records it.
     *
     * @param addressSpace what was mapped at that moment
     * @param registers where the stack starts: RIP, RSP and RBP at least; left as they are
     * @param dump the stack's bytes from RSP on
     * @param result is filled with the frames; the first is RIP itself
     */
    public void unwind(AddressSpace addressSpace, Registers registers, StackDump dump, Callchain result) {
        unwind(addressSpace, registers, dump, null, result);
    }

    /**
     * Walks a stack.
     *
     * @param addressSpace what was mapped at that moment
     * @param registers where the stack starts: RIP, RSP and RBP at least; left as they are
     * @param dump the bytes around RSP, for speed; may be empty
     * @param memory everything else that is known of memory, or null
     * @param result is filled with the frames; the first is RIP itself
     */
    public void unwind(
            AddressSpace addressSpace, Registers registers, StackDump dump, @Nullable Memory memory, Callchain result) {
        if (addressSpace != space) {
            space = addressSpace;
            mapping = null;
        }
        start = registers;
        stack = dump;
        chain = result;
        frameStep.begin(addressSpace, dump, memory);
        boolean plain = !result.recordsRegisters() && registers.isKnown(RBP);
        if (!plain || !walkPlain()) {
            walkFull();
        }
    }

    /**
     * The hot loop. Each turn: store the pc, find the rule, compute the CFA, load the return address and RBP, check that there is
     * progress. All that is rare happens in {@link #rareStep}. From where the stack is as it was when it was walked last, the frames
     * are taken over: see {@link PreviousStack}.
     *
     * @return false if a rule wanted a register that this walk does not recover: then the chain is to be made by {@link #walkFull}
     */
    private boolean walkPlain() {
        full = false;
        chain.clear();
        cycles.begin();
        MemorySegment segment = stack.segment();
        long stackStart = stack.address();
        long bytesBias = stack.offset() - stackStart;
        long words = Math.max(0, stack.length() - Long.BYTES + 1); // how many addresses a word can be loaded from
        long[] entries = plainRules.entries();
        long[] texts = space.texts();
        long[] pcs = chain.pcs;
        int room = chain.room();
        int frames = 0;
        long pc = start.get(RIP);
        long sp = start.get(RSP);
        long bp = start.get(RBP);
        long lookupPc = pc;
        long textStart = 0;
        long textSize = 0;
        long keyBias = 0;

        PreviousStack previous = previousStacks.around(sp);
        long meeting = previous.compare(texts, segment, bytesBias, stackStart, words);
        long[] found = previous.room(pcs.length);
        int stepMask = 0; // no step from an exact pc is kept: a return address of the same value has another rule
        touch(segment, stack.offset(), Math.min(meeting - stackStart, words));

        while (true) {
            if (frames == room) {
                chain.size = frames;
                if (!chain.grow()) {
                    chain.stop(StopReason.MAX_STACK);
                    previous.keep(frames);
                    return true;
                }
                pcs = chain.pcs;
                room = chain.room();
                found = previous.room(pcs.length);
            }
            int frame = Math.min(frames, PreviousStack.MAX_FRAMES) * PreviousStack.FRAME;
            pcs[frames++] = pc;

            if (Long.compareUnsigned(lookupPc - textStart, textSize) >= 0) {
                int text = space.findText(lookupPc) * AddressSpace.TEXT;
                if (text >= 0 && texts[text + AddressSpace.TEXT_CACHED] != 0) {
                    textStart = texts[text + AddressSpace.TEXT_START];
                    textSize = texts[text + AddressSpace.TEXT_SIZE];
                    keyBias = texts[text + AddressSpace.TEXT_KEY_BIAS];
                } else {
                    textSize = 0;
                    keyBias = lookupPc - PlainRuleCache.NO_KEY;
                }
            }
            long key = lookupPc - keyBias;
            int slot = PlainRuleCache.slot(key);
            int check = PlainRuleCache.check(key);
            long entry = entries[slot];
            if ((int) entry != check) {
                entry = entries[slot ^ 1];
                if ((int) entry != check) {
                    entry = lookUpPlain(lookupPc, key, stepMask != 0);
                }
            }

            int rule = PlainRuleCache.rule(entry);
            found[frame + PreviousStack.STEP] = rule & stepMask;
            found[frame + PreviousStack.PC] = pc;
            found[frame + PreviousStack.SP] = sp;
            found[frame + PreviousStack.BP] = bp;

            // Selected by masks: which base, and whether RBP was saved, no branch predictor can tell.
            long cfa = sp + ((bp - sp) & PlainRuleCache.rbpBaseMask(entry)) + PlainRuleCache.cfaOffset(entry);
            long returnSlot = cfa - Long.BYTES;
            long rbpSlot = returnSlot - PlainRuleCache.rbpDistance(rule);
            if (Long.compareUnsigned(returnSlot - stackStart, words) < 0
                    && Long.compareUnsigned(rbpSlot - stackStart, words) < 0
                    && Long.compareUnsigned(cfa, sp) > 0) {
                pc = segment.get(StackDump.WORD, returnSlot + bytesBias);
                long savedRbp = segment.get(StackDump.WORD, rbpSlot + bytesBias);
                bp ^= (bp ^ savedRbp) & PlainRuleCache.rbpMask(rule);
                sp = cfa;
                lookupPc = pc - 1;
                stepMask = -1;
                if (pc == 0) {
                    break;
                }
                if (Long.compareUnsigned(sp, meeting) >= 0) {
                    int joined = previous.join(pc, sp, bp, chain, frames);
                    meeting = previous.next();
                    if (joined > 0) {
                        frames += joined;
                        pcs = chain.pcs;
                        room = chain.room();
                        found = previous.room(pcs.length);
                        pc = previous.outermost(PreviousStack.PC);
                        sp = previous.outermost(PreviousStack.SP);
                        bp = previous.outermost(PreviousStack.BP);
                        lookupPc = pc - 1;
                        meeting = PreviousStack.NOWHERE;
                    }
                }
                continue;
            }
            if (rule == PlainRuleCache.OUTERMOST) {
                break;
            }

            chain.size = frames;
            found[frame + PreviousStack.STEP] = PlainRuleCache.NOT_PLAIN;
            Registers registers = frameStep.frame();
            if (frames == 1) {
                registers.copyFrom(start);
            } else {
                registers.clear();
                registers.set(RIP, pc).set(RSP, sp).set(RBP, bp);
            }
            switch (rareStep(lookUp(lookupPc), lookupPc)) {
                case END -> {
                    previous.keep(frames);
                    return true;
                }
                case WANTS_ALL_REGISTERS -> {
                    return false;
                }
                case CALLER -> {
                    pc = registers.get(RIP);
                    sp = registers.get(RSP);
                    bp = registers.get(RBP);
                    stepMask = frameStep.isExact() ? 0 : -1;
                    lookupPc = frameStep.isExact() ? pc : pc - 1;
                }
            }
        }
        chain.size = frames;
        chain.stop(StopReason.END_OF_STACK);
        previous.keep(frames);
        return true;
    }

    /**
     * Loads a word of every line of the stack up to where the walk may join the one before, side by side: the walk itself could not
     * ask for a line before it had the one before. Where nothing is known of the stack, neither is how far the walk will go, and {@code
     * size} is negative: nothing is loaded.
     */
    private void touch(MemorySegment segment, long offset, long size) {
        long sum = 0;
        long end = Math.min(size, MAX_TOUCHED);
        for (long i = 0; i < end; i += LINE) {
            sum += segment.get(StackDump.WORD, offset + i);
        }
        touched = sum;
    }

    /** A miss in the cache of plain rules: what an entry for the key holds, or would hold. */
    private long lookUpPlain(long lookupPc, long key, boolean isCall) {
        long entry = PlainRuleCache.entry(key, PlainRuleCache.plain(lookUp(lookupPc)));
        if (PlainRuleCache.rule(entry) != PlainRuleCache.NOT_PLAIN && key != PlainRuleCache.NO_KEY) {
            plainRules.put(key, entry, isCall);
        }
        return entry;
    }

    /** The rule word for an address, from the cache or the module's tables. */
    private long lookUp(long lookupPc) {
        ElfModule module = moduleAt(lookupPc);
        Mapping here = mapping;
        if (module == null || here == null) {
            return UnwindRule.NONE;
        }
        long vaddr = here.vaddr(lookupPc);
        long key = vaddr + module.tag();
        if (otherRules.holds(key)) {
            return otherRules.rule(key);
        }
        long rule = module.rules().rule(vaddr);
        if (module.tag() != 0 && PlainRuleCache.plain(rule) == PlainRuleCache.NOT_PLAIN) {
            otherRules.put(key, rule);
        }
        return rule;
    }

    /** A step of the plain walk that is not for the hot loop. */
    private Outcome rareStep(long rule, long lookupPc) {
        UnwindRow side = null;
        if (UnwindRule.kind(rule) == UnwindRule.SIDE && mapping != null && mapping.module() != null) {
            UnwindInfo rules = mapping.module().rules();
            side = rules.dictionary().side(rules.find(mapping.vaddr(lookupPc)));
        }
        boolean first = chain.size == 1;
        Outcome outcome = step(rule, SavedRegisters.SAME, side);
        if (outcome == Outcome.END && frameStep.wantedUnknownRegister() && !first) {
            return Outcome.WANTS_ALL_REGISTERS;
        }
        boolean rbpLost = outcome == Outcome.CALLER && !frameStep.frame().isKnown(RBP);
        return rbpLost ? Outcome.WANTS_ALL_REGISTERS : outcome;
    }

    /** The walk with all registers: the same steps, none of them cut short. */
    private void walkFull() {
        full = true;
        chain.clear();
        cycles.begin();
        Registers frame = frameStep.frame();
        frameStep.restart(start);
        FullRuleCache cache = fullCache;
        if (cache == null) {
            cache = new FullRuleCache();
            fullCache = cache;
        }
        long[] cached = cache.entries();
        long lookupPc = frame.pc();
        while (true) {
            if (chain.size == chain.room() && !chain.grow()) {
                chain.stop(StopReason.MAX_STACK);
                return;
            }
            int index = chain.size++;
            chain.pcs[index] = frame.pc();
            if (chain.recordsRegisters()) {
                chain.keepRegisters(index, frame);
            }
            long rule = UnwindRule.NONE;
            long saved = SavedRegisters.SAME;
            UnwindRow side = null;
            ElfModule module = moduleAt(lookupPc);
            if (module != null && mapping != null) {
                RuleDictionary dictionary = module.rules().dictionary();
                long vaddr = mapping.vaddr(lookupPc);
                long key = vaddr + module.tag();
                int slot = FullRuleCache.slot(key);
                if (cached[slot] != key || module.tag() == 0) {
                    int number = module.rules().find(vaddr);
                    cached[slot] = key;
                    cached[slot + FullRuleCache.RULE] = dictionary.rule(number);
                    cached[slot + FullRuleCache.SAVED] = dictionary.saved(number);
                    cached[slot + FullRuleCache.NUMBER] = number;
                }
                rule = cached[slot + FullRuleCache.RULE];
                saved = cached[slot + FullRuleCache.SAVED];
                side = UnwindRule.hasSide(rule) ? dictionary.side((int) cached[slot + FullRuleCache.NUMBER]) : null;
            }
            if (step(rule, saved, side) == Outcome.END) {
                return;
            }
            lookupPc = frameStep.isExact() ? frame.pc() : frame.pc() - 1;
        }
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

    /** Goes from {@link #frameStep}'s frame to its caller by any rule, or without one. */
    private Outcome step(long rule, long saved, @Nullable UnwindRow side) {
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
        return judgeProgress(calleePc, calleeSp);
    }

    private Outcome judgeProgress(long calleePc, long calleeSp) {
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
        return Outcome.CALLER;
    }

    private Outcome end(StopReason reason) {
        chain.stop(reason);
        return Outcome.END;
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

    private Outcome stepByMadeRule(UnwindInfo made, long calleePc, long calleeSp) {
        int number = mapping == null ? 0 : made.find(mapping.vaddr(lookupPc()));
        RuleDictionary dictionary = made.dictionary();
        long rule = dictionary.rule(number);
        if (UnwindRule.kind(rule) == UnwindRule.END) {
            return end(StopReason.END_OF_STACK);
        }
        UnwindRow side = full || UnwindRule.kind(rule) == UnwindRule.SIDE ? dictionary.side(number) : null;
        if (!frameStep.step(rule, dictionary.saved(number), side)) {
            return end(frameStep.failure());
        }
        if (frameStep.reliedOnLeftOver() && !isReturnAddress(frameStep.frame().pc())) {
            return end(StopReason.BAD_UNWIND_INFO);
        }
        Outcome outcome = judgeProgress(calleePc, calleeSp);
        if (outcome == Outcome.CALLER) {
            chain.markNext(false, FrameOrigin.SYNTHESIZED);
        }
        return outcome;
    }

    /**
     * Where no row covers the pc: the code of a signal handler's return, which proves what it does; then the word at the stack pointer,
     * for a frame that was interrupted and may have pushed nothing yet; then the frame pointer. The latter two only if what is found
     * there is an address that a call or a signal may have left: {@link #isReturnAddress}.
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
        long bp = frame.get(RBP);
        if (frame.isKnown(RBP)
                && Long.compareUnsigned(bp, sp) >= 0
                && isSameStack(bp, sp)
                && frameStep.isReadable(bp, Long.BYTES)
                && frameStep.isReadable(bp + Long.BYTES, Long.BYTES)) {
            long candidate = frameStep.readLong(bp + Long.BYTES);
            if (isReturnAddress(candidate)) {
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
}
