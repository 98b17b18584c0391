package org.backstitch.unwind;

import static org.backstitch.unwind.machine.X86_64.R12;
import static org.backstitch.unwind.machine.X86_64.R13;
import static org.backstitch.unwind.machine.X86_64.R14;
import static org.backstitch.unwind.machine.X86_64.R15;
import static org.backstitch.unwind.machine.X86_64.RBP;
import static org.backstitch.unwind.machine.X86_64.RBX;
import static org.backstitch.unwind.machine.X86_64.RIP;
import static org.backstitch.unwind.machine.X86_64.RSP;

import java.nio.ByteBuffer;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;

/**
 * The walk that recovers all registers, as a debugger does.
 *
 * <p>A frame that called by a plain rule has changed the registers that calls preserve, and no others: those are what the loop computes,
 * each loaded from where its rule says or, where it was not saved, loaded for nothing, since which it is no branch predictor can tell.
 * The loop calls nothing; what stops it is looked at behind it, and all other steps are {@link UserSteps}'s. Not thread-safe.
 */
final class FullWalk {
    private final UserSteps steps;
    private final FullRuleCache rules = new FullRuleCache();
    private final RecentTexts recentTexts = new RecentTexts();
    private final ReturnSlots slots = new ReturnSlots();

    /** A walk with an empty cache, by the steps that are shared with others. */
    FullWalk(UserSteps steps) {
        this.steps = steps;
    }

    /** Walks the stack that {@link #steps} has begun with. */
    void walk() {
        steps.restart(true);
        Callchain chain = steps.chain();
        AddressSpace space = steps.space();
        StackDump stack = steps.stack();
        Registers registers = steps.enterFirst();
        ByteBuffer buffer = stack.buffer();
        long stackStart = stack.address();
        int bufferOffset = stack.bufferOffset();
        long bytesBias = bufferOffset - stackStart;
        long words = Math.max(0, stack.length() - Long.BYTES + 1); // how many addresses a word can be loaded from
        long[] entries = rules.entries();
        long[] texts = space.texts();
        chain.keepScratch(0, registers);
        int room = chain.roomForKept();
        long[] pcs = chain.pcs;
        long[] kept = chain.kept;
        int[] known = chain.known;
        int frames = 0;
        int knownNow = registers.knownMask();
        long rbx = registers.get(RBX);
        long rbp = registers.get(RBP);
        long rsp = registers.get(RSP);
        long r12 = registers.get(R12);
        long r13 = registers.get(R13);
        long r14 = registers.get(R14);
        long r15 = registers.get(R15);
        long pc = registers.get(RIP);
        long lookupPc = pc;
        boolean called = false;
        long textStart = 0;
        long textSize = 0;
        long keyBias = 0;
        slots.load(buffer, bytesBias, stackStart, words);

        while (true) {
            if (Long.compareUnsigned(rsp - stackStart, words) < 0) {
                // What the virtual machine checks about the buffer here it need not check in the loop.
                StackDump.WORDS.get(buffer, bufferOffset);
                for (; frames < room; frames++) {
                    if (Long.compareUnsigned(lookupPc - textStart, textSize) >= 0) {
                        break;
                    }
                    long key = lookupPc - keyBias;
                    int slot = FullRuleCache.slot(key);
                    int check = PlainRuleCache.check(key);
                    if ((int) entries[slot] != check) {
                        slot ^= FullRuleCache.ENTRY;
                        if ((int) entries[slot] != check) {
                            break;
                        }
                    }
                    long entry = entries[slot];
                    long saved = entries[slot + FullRuleCache.SAVED];
                    int rule = PlainRuleCache.rule(entry);
                    if (PlainRuleCache.isBasedOnRbp(rule) && (knownNow >>> RBP & 1) == 0) {
                        break;
                    }
                    long returnSlot = PlainRuleCache.cfa(entry, rsp, rbp) - Long.BYTES;
                    if (Long.compareUnsigned(returnSlot - stackStart, words) >= 0
                            || returnSlot - FullRuleCache.deepest(saved) - rsp < 0) {
                        break;
                    }
                    pcs[frames] = pc;
                    known[frames] = knownNow;
                    keep(kept, frames, rbx, rbp, rsp, r12, r13, r14, r15);
                    int index = (int) (returnSlot + bytesBias);
                    pc = (long) StackDump.WORDS.get(buffer, index);
                    long savedRbp = (long) StackDump.WORDS.get(buffer, index - (int) PlainRuleCache.rbpDistance(rule));
                    rbp = PlainRuleCache.isRbpSaved(rule) ? savedRbp : rbp;
                    rbx = restored(buffer, index, saved, 0, rbx);
                    r12 = restored(buffer, index, saved, 1, r12);
                    r13 = restored(buffer, index, saved, 2, r13);
                    r14 = restored(buffer, index, saved, 3, r14);
                    r15 = restored(buffer, index, saved, 4, r15);
                    knownNow |= FullRuleCache.registers(saved);
                    rsp = returnSlot + Long.BYTES;
                    lookupPc = pc - 1;
                    called = true;
                }
            }

            chain.size = frames;
            if (called && pc == 0) {
                chain.stop(StopReason.END_OF_STACK);
                break;
            }
            if (frames == room) {
                if (!chain.grow()) {
                    chain.stop(StopReason.MAX_STACK);
                    break;
                }
                room = chain.roomForKept();
                pcs = chain.pcs;
                kept = chain.kept;
                known = chain.known;
                continue;
            }
            boolean cached = Long.compareUnsigned(lookupPc - textStart, textSize) < 0;
            if (!cached) {
                textSize = 0;
                int text = recentTexts.find(space, lookupPc);
                if (text >= 0 && texts[text + AddressSpace.TEXT_CACHED] != 0) {
                    textStart = texts[text + AddressSpace.TEXT_START];
                    textSize = texts[text + AddressSpace.TEXT_SIZE];
                    keyBias = texts[text + AddressSpace.TEXT_KEY_BIAS];
                    continue;
                }
            }
            int slot = FullRuleCache.NOWHERE;
            if (cached) {
                long key = lookupPc - keyBias;
                slot = rules.find(key);
                if (slot == FullRuleCache.NOWHERE && lookUp(lookupPc, key, called)) {
                    continue;
                }
            }
            pcs[frames] = pc;
            known[frames] = knownNow;
            keep(kept, frames++, rbx, rbp, rsp, r12, r13, r14, r15);
            chain.size = frames;
            if (slot != FullRuleCache.NOWHERE && PlainRuleCache.rule(entries[slot]) == PlainRuleCache.OUTERMOST) {
                chain.stop(StopReason.END_OF_STACK);
                break;
            }
            if (called) {
                chain.restore(frames - 1, registers);
                steps.followCalls();
            }
            steps.find(lookupPc);
            if (!steps.step()) {
                break;
            }
            chain.keepScratch(frames, registers);
            called = false;
            knownNow = registers.knownMask();
            rbx = registers.get(RBX);
            rbp = registers.get(RBP);
            rsp = registers.get(RSP);
            r12 = registers.get(R12);
            r13 = registers.get(R13);
            r14 = registers.get(R14);
            r15 = registers.get(R15);
            pc = registers.get(RIP);
            lookupPc = steps.isExact() ? pc : pc - 1;
        }
        slots.keep(chain);
    }

    /** What a register is in the caller: the word where the frame has saved it, else what it is now. */
    private static long restored(ByteBuffer buffer, int slot, long saved, int register, long now) {
        int distance = (int) FullRuleCache.distance(saved, register);
        long word = (long) StackDump.WORDS.get(buffer, slot - distance);
        return distance != 0 ? word : now;
    }

    private static void keep(
            long[] kept, int frame, long rbx, long rbp, long rsp, long r12, long r13, long r14, long r15) {
        int place = frame * Callchain.KEPT;
        kept[place + Callchain.KEPT_RBX] = rbx;
        kept[place + Callchain.KEPT_RBP] = rbp;
        kept[place + Callchain.KEPT_RSP] = rsp;
        kept[place + Callchain.KEPT_R12] = r12;
        kept[place + Callchain.KEPT_R12 + 1] = r13;
        kept[place + Callchain.KEPT_R12 + 2] = r14;
        kept[place + Callchain.KEPT_R12 + 3] = r15;
    }

    /** A miss in the cache: puts an entry for the key, if the rule fits. */
    private boolean lookUp(long lookupPc, long key, boolean isCall) {
        long rule = steps.find(lookupPc);
        if (!FullRuleCache.canHold(rule, steps.saved())) {
            return false;
        }
        int plain = PlainRuleCache.plain(rule);
        rules.put(key, PlainRuleCache.entry(key, plain), FullRuleCache.saved(plain, steps.saved()), isCall);
        return true;
    }
}
