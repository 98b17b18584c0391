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
 * All other steps are {@link UserSteps}'s. Not thread-safe.
 */
final class FullWalk {
    private static final int REACH_BITS = 6;

    private final UserSteps steps;
    private final FullRuleCache rules = new FullRuleCache();
    private final RecentTexts recentTexts = new RecentTexts();
    private final StackLines lines = new StackLines();

    /** The outermost RSP of the walk before around the same place in memory. */
    private final long[] reached = new long[1 << REACH_BITS];

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
        long bytesBias = stack.bufferOffset() - stackStart;
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
        int place = PreviousStacks.place(rsp, REACH_BITS);
        lines.load(buffer, stack.bufferOffset(), Math.min(reached[place] - stackStart, words));

        while (true) {
            if (frames == room) {
                chain.size = frames;
                if (!chain.grow()) {
                    chain.stop(StopReason.MAX_STACK);
                    break;
                }
                room = chain.roomForKept();
                pcs = chain.pcs;
                kept = chain.kept;
                known = chain.known;
            }
            int at = frames * Callchain.KEPT;
            pcs[frames] = pc;
            known[frames++] = knownNow;
            kept[at + Callchain.KEPT_RBX] = rbx;
            kept[at + Callchain.KEPT_RBP] = rbp;
            kept[at + Callchain.KEPT_RSP] = rsp;
            kept[at + Callchain.KEPT_R12] = r12;
            kept[at + Callchain.KEPT_R12 + 1] = r13;
            kept[at + Callchain.KEPT_R12 + 2] = r14;
            kept[at + Callchain.KEPT_R12 + 3] = r15;

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
            int slot = FullRuleCache.slot(key);
            int check = PlainRuleCache.check(key);
            if ((int) entries[slot] != check) {
                slot ^= FullRuleCache.ENTRY;
                if ((int) entries[slot] != check) {
                    slot = lookUp(lookupPc, key, called);
                }
            }
            long entry = slot < 0 ? PlainRuleCache.NOT_PLAIN : entries[slot];
            long saved = slot < 0 ? 0 : entries[slot + FullRuleCache.SAVED];
            int rule = PlainRuleCache.rule(entry);
            long cfa = rsp + ((rbp - rsp) & PlainRuleCache.rbpBaseMask(entry)) + PlainRuleCache.cfaOffset(entry);
            long returnSlot = cfa - Long.BYTES;
            boolean baseKnown = !PlainRuleCache.isBasedOnRbp(rule) || (knownNow >>> RBP & 1) != 0;
            if (Long.compareUnsigned(returnSlot - stackStart, words) < 0
                    && Long.compareUnsigned(returnSlot - FullRuleCache.deepest(saved) - stackStart, words) < 0
                    && Long.compareUnsigned(cfa, rsp) > 0
                    && baseKnown) {
                long slots = returnSlot + bytesBias;
                pc = (long) StackDump.WORDS.get(buffer, (int) slots);
                rbp = restored(buffer, slots, PlainRuleCache.rbpDistance(rule), PlainRuleCache.rbpMask(rule), rbp);
                rbx = restored(buffer, slots, saved, 0, rbx);
                r12 = restored(buffer, slots, saved, 1, r12);
                r13 = restored(buffer, slots, saved, 2, r13);
                r14 = restored(buffer, slots, saved, 3, r14);
                r15 = restored(buffer, slots, saved, 4, r15);
                knownNow |= FullRuleCache.registers(saved);
                rsp = cfa;
                lookupPc = pc - 1;
                called = true;
                if (pc != 0) {
                    continue;
                }
                chain.size = frames;
                chain.stop(StopReason.END_OF_STACK);
                break;
            }

            chain.size = frames;
            if (rule == PlainRuleCache.OUTERMOST) {
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
        reached[place] = rsp;
    }

    private static long restored(ByteBuffer buffer, long slots, long saved, int index, long now) {
        long distance = FullRuleCache.distance(saved, index);
        return restored(buffer, slots, distance, FullRuleCache.mask(distance), now);
    }

    /** What a register is in the caller: the word at a distance below the return address where the mask is set, else what it is now. */
    private static long restored(ByteBuffer buffer, long slots, long distance, long mask, long now) {
        return now ^ (now ^ (long) StackDump.WORDS.get(buffer, (int) (slots - distance))) & mask;
    }

    /** A miss in the cache: the slot of a key's entry, which is made if the rule fits; -1 if it does not. */
    private int lookUp(long lookupPc, long key, boolean isCall) {
        long rule = steps.find(lookupPc);
        if (key == PlainRuleCache.NO_KEY || !FullRuleCache.canHold(rule, steps.saved())) {
            return -1;
        }
        int plain = PlainRuleCache.plain(rule);
        return rules.put(key, PlainRuleCache.entry(key, plain), FullRuleCache.saved(plain, steps.saved()), isCall);
    }
}
