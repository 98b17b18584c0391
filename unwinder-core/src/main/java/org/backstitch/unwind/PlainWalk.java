package org.backstitch.unwind;

import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RIP;
import static org.backstitch.unwind.machine.X86_64.RSP;

import java.nio.ByteBuffer;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;

/**
 * The walk that recovers RIP, RSP and RBP only, which is all that nearly every rule needs.
 *
 * <p>Not thread-safe.
 */
final class PlainWalk {
    private final UserSteps steps;
    private final PlainRuleCache rules;
    private final PreviousStacks previousStacks = new PreviousStacks();
    private final RecentTexts recentTexts = new RecentTexts();
    private final StackLines lines = new StackLines();

    /**
     * A walk by the steps that are shared with {@link FullWalk}.
     *
     * @param rules may be shared with the walks of other threads
     */
    PlainWalk(UserSteps steps, PlainRuleCache rules) {
        this.steps = steps;
        this.rules = rules;
    }

    /**
     * The hot loop. Each turn: store the pc, find the rule, compute the CFA, load the return address and RBP, check that there is
     * progress. All that is rare happens in {@link UserSteps}. From where the stack is as it was when it was walked last, the frames
     * are taken over: see {@link PreviousStack}.
     *
     * @return false if a rule wanted a register that this walk does not recover: then the chain is to be made by {@link FullWalk}
     */
    boolean walk() {
        steps.restart(false);
        Callchain chain = steps.chain();
        AddressSpace space = steps.space();
        StackDump stack = steps.stack();
        Registers start = steps.start();
        ByteBuffer buffer = stack.buffer();
        long stackStart = stack.address();
        long bytesBias = stack.bufferOffset() - stackStart;
        long words = Math.max(0, stack.length() - Long.BYTES + 1); // how many addresses a word can be loaded from
        long[] entries = rules.entries();
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
        long meeting = previous.compare(texts, buffer, bytesBias, stackStart, words);
        long[] found = previous.room(pcs.length);
        int stepMask = 0; // no step from an exact pc is kept: a return address of the same value has another rule
        lines.load(buffer, stack.bufferOffset(), Math.min(meeting - stackStart, words));

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
                int text = recentTexts.find(space, lookupPc);
                if (text >= 0 && texts[text + AddressSpace.TEXT_CACHED] != 0) {
                    textStart = texts[text + AddressSpace.TEXT_START];
                    textSize = texts[text + AddressSpace.TEXT_SIZE];
                    keyBias = texts[text + AddressSpace.TEXT_KEY_BIAS];
                } else {
                    textSize = 0;
                    keyBias = lookupPc; // so that the key is NO_KEY
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
            long cfa = sp + PlainRuleCache.cfaOffset(entry) + ((bp - sp) & PlainRuleCache.rbpBaseMask(entry));
            long returnSlot = cfa - Long.BYTES;
            long rbpSlot = returnSlot - PlainRuleCache.rbpDistance(rule);
            if (Long.compareUnsigned(returnSlot - stackStart, words) < 0
                    && Long.compareUnsigned(rbpSlot - stackStart, words) < 0
                    && Long.compareUnsigned(cfa, sp) > 0) {
                pc = (long) StackDump.WORDS.get(buffer, (int) (returnSlot + bytesBias));
                long savedRbp = (long) StackDump.WORDS.get(buffer, (int) (rbpSlot + bytesBias));
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
            Registers registers = steps.frame();
            if (frames == 1) {
                steps.enterFirst();
            } else {
                registers.clear();
                registers.set(RIP, pc).set(RSP, sp).set(RBP, bp);
            }
            steps.find(lookupPc);
            if (!steps.stepPlainly()) {
                previous.keep(frames);
                return frames == 1 || !steps.wantedUnknownRegister();
            }
            if (!registers.isKnown(RBP)) {
                return false;
            }
            pc = registers.get(RIP);
            sp = registers.get(RSP);
            bp = registers.get(RBP);
            stepMask = steps.isExact() ? 0 : -1;
            lookupPc = steps.isExact() ? pc : pc - 1;
        }
        chain.size = frames;
        chain.stop(StopReason.END_OF_STACK);
        previous.keep(frames);
        return true;
    }

    /** A miss in the cache of plain rules: what an entry for the key holds, or would hold. */
    private long lookUpPlain(long lookupPc, long key, boolean isCall) {
        long entry = PlainRuleCache.entry(key, PlainRuleCache.plain(steps.find(lookupPc)));
        if (PlainRuleCache.rule(entry) != PlainRuleCache.NOT_PLAIN && key != PlainRuleCache.NO_KEY) {
            rules.put(key, entry, isCall);
        }
        return entry;
    }
}
