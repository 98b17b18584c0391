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
 * <p>From where the stack is as it was when it was walked last, the frames are taken over ({@link #takeOver}). Those before are found by the
 * hot loop ({@link #walkByCache}), for as long as their rules are cached. A frame that stops it is looked at by {@link #stepOtherwise},
 * and what is no plain step by {@link UserSteps}.
 *
 * <p>Not thread-safe.
 */
final class PlainWalk {
    private static final int NO_TEXT = -1;

    private final UserSteps steps;
    private final PlainRuleCache rules;
    private final PreviousStacks previousStacks = new PreviousStacks();
    private final StackLines lines = new StackLines();

    // The stack that is walked.

    private AddressSpace space = AddressSpace.EMPTY;
    private Callchain chain = new Callchain();
    private StackDump stack = new StackDump();

    /** The address of its first byte, and from how many addresses a word can be loaded. */
    private long stackStart;

    private long words;

    /** What is known of it, and the RSP from which on that may be taken over. */
    private PreviousStack previous = new PreviousStack();

    private long meeting;

    // The frame that the walk has come to.

    /**
     * Its pc if that is a return address, else the pc and one: a rule is looked up by the byte before a return address, so that this is
     * where the rule for an exact pc is found.
     */
    private long returnPc;

    /** Whether the pc is exact. */
    private boolean exact;

    private long sp;
    private long bp;

    // The frames before it, in the chain and for the next walk.

    private int frames;

    /** What is kept for the next walk of the frames from {@link #firstFound} on, as {@link PreviousStack#room} has it. */
    private long[] found = new long[0];

    /** Not zero only in chains that are so long that nothing of them is kept. */
    private int firstFound;

    // Where the code is that was executed last.

    private long[] texts = AddressSpace.EMPTY.texts();

    /** The mapping that the last frame lay in, a place in {@link #texts}, and the one before that: a chain goes back and forth. */
    private int text = NO_TEXT;

    private int otherText = NO_TEXT;

    /** What has come of a step. */
    private enum Outcome {
        GOES_ON,
        ENDED,

        /** A rule wanted a register that this walk does not recover. */
        WANTS_REGISTERS
    }

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
     * Walks the stack.
     *
     * @return false if a rule wanted a register that this walk does not recover: then the chain is to be made by {@link FullWalk}
     */
    boolean walk() {
        begin();
        Outcome outcome = Outcome.GOES_ON;
        while (outcome == Outcome.GOES_ON) {
            if (returnPc == 0 && !exact) {
                outcome = end(StopReason.END_OF_STACK);
            } else if (meeting != PreviousStack.NOWHERE && Long.compareUnsigned(sp, meeting) >= 0) {
                outcome = takeOver();
            } else if (!walkByCache()) {
                outcome = stepOtherwise();
            }
        }
        return outcome == Outcome.ENDED;
    }

    private void begin() {
        steps.restart(false);
        space = steps.space();
        chain = steps.chain();
        stack = steps.stack();
        stackStart = stack.address();
        words = Math.max(0, stack.length() - Long.BYTES + 1);

        Registers start = steps.start();
        returnPc = start.get(RIP) + 1;
        exact = true;
        sp = start.get(RSP);
        bp = start.get(RBP);
        frames = 0;
        firstFound = 0;
        useTexts(space.texts());

        previous = previousStacks.around(sp);
        ByteBuffer buffer = stack.buffer();
        int bufferOffset = stack.bufferOffset();
        meeting = previous.compare(texts, buffer, bufferOffset - stackStart, stackStart, words);
        found = previous.room(chain.pcs.length);
        lines.load(buffer, bufferOffset, Math.min(meeting - stackStart, words));
    }

    @SuppressWarnings("ReferenceEquality") // the array stands for the code as an identity
    private void useTexts(long[] now) {
        if (now != texts) {
            texts = now;
            text = NO_TEXT;
            otherText = NO_TEXT;
        }
    }

    private Outcome end(StopReason reason) {
        chain.size = frames;
        chain.stop(reason);
        previous.keep(chain.pcs, frames);
        return Outcome.ENDED;
    }

    /** Adds the frame that the walk has come to, with the plain rule that leads on, or with the reason why none does. */
    private void add(int rule) {
        int place = (frames - firstFound) * PreviousStack.FRAME;
        found[place + PreviousStack.SP] = sp;
        found[place + PreviousStack.BP] = bp;
        // Of an exact pc no step is kept: a return address of the same value has another rule.
        found[place + PreviousStack.STEP] = exact ? PlainRuleCache.NOT_PLAIN : rule;
        chain.pcs[frames++] = exact ? returnPc - 1 : returnPc;
    }

    /** Takes over what is known of the frames further out, if the walk has come to one of those. */
    private Outcome takeOver() {
        int joined = exact ? 0 : previous.join(returnPc, sp, bp, chain, frames);
        if (joined == 0) {
            meeting = previous.skip(sp);
            return Outcome.GOES_ON;
        }
        frames += joined;
        found = previous.room(chain.pcs.length);
        returnPc = previous.outermostPc();
        sp = previous.outermost(PreviousStack.SP);
        bp = previous.outermost(PreviousStack.BP);
        meeting = PreviousStack.NOWHERE;
        if (previous.outermost(PreviousStack.STEP) == PlainRuleCache.OUTERMOST && frames < chain.room()) {
            add(PlainRuleCache.OUTERMOST);
            return end(StopReason.END_OF_STACK);
        }
        return Outcome.GOES_ON;
    }

    /**
     * The hot loop. It goes on as long as rules are cached, their words lie in the dump and below the {@link #meeting}, and steps lead
     * outwards. Each turn finds the rule, keeps the frame, computes the CFA, and loads the return address and RBP. It calls nothing, and
     * has all that it needs in variables, so that the compiler can keep that in registers.
     *
     * <p>A frame pointer is told apart because a step by it needs nothing of the rule: the processor can follow frame pointers while it
     * still looks for the rules of the frames before.
     *
     * @return whether it has made a step
     */
    private boolean walkByCache() {
        long stackStart = this.stackStart;
        long sp = this.sp;
        if (Long.compareUnsigned(sp - stackStart, words) >= 0) {
            return false;
        }
        long bp = this.bp;
        long returnPc = this.returnPc;
        int frames = this.frames;
        int limit = Math.min(chain.room(), firstFound + PreviousStack.MAX_FRAMES);
        int firstFound = this.firstFound;
        long[] found = this.found;
        long[] pcs = chain.pcs;
        long[] entries = rules.entries();

        long toMeeting = meeting - stackStart;
        long reach = Long.compareUnsigned(toMeeting, words) < 0 ? toMeeting : words;
        ByteBuffer buffer = stack.buffer();
        int bufferOffset = stack.bufferOffset();
        long bytesBias = bufferOffset - stackStart;
        // What the virtual machine checks about the buffer here it need not check in the loop.
        StackDump.WORDS.get(buffer, bufferOffset);

        long[] texts = this.texts;
        int text = this.text;
        int otherText = this.otherText;
        long textStart = 0; // the first return address in it
        long textSize = 0;
        long keyBias = 0; // what to subtract from a return address for its key
        if (text != NO_TEXT) {
            textStart = texts[text + AddressSpace.TEXT_START] + 1;
            textSize = texts[text + AddressSpace.TEXT_SIZE];
            keyBias = texts[text + AddressSpace.TEXT_KEY_BIAS] + 1;
        }

        for (; frames < limit; frames++) {
            if (Long.compareUnsigned(returnPc - textStart, textSize) >= 0) {
                if (otherText == NO_TEXT || !AddressSpace.isInText(texts, otherText, returnPc - 1)) {
                    break;
                }
                int left = text;
                text = otherText;
                otherText = left;
                textStart = texts[text + AddressSpace.TEXT_START] + 1;
                textSize = texts[text + AddressSpace.TEXT_SIZE];
                keyBias = texts[text + AddressSpace.TEXT_KEY_BIAS] + 1;
            }
            long key = returnPc - keyBias;
            int slot = PlainRuleCache.slot(key);
            int check = PlainRuleCache.check(key);
            long entry = entries[slot];
            if ((int) entry != check) {
                entry = entries[slot ^ 1];
                if ((int) entry != check) {
                    break;
                }
            }
            int rule = PlainRuleCache.rule(entry);
            int place = (frames - firstFound) * PreviousStack.FRAME;
            found[place + PreviousStack.STEP] = rule;
            found[place + PreviousStack.SP] = sp;
            found[place + PreviousStack.BP] = bp;
            pcs[frames] = returnPc;
            if (rule == PlainRuleCache.FRAME_POINTER) {
                if (Long.compareUnsigned(bp + Long.BYTES - stackStart, reach) >= 0 || bp - sp < 0) {
                    break;
                }
                int rbpSlot = (int) (bp + bytesBias);
                sp = bp + 2 * Long.BYTES;
                bp = (long) StackDump.WORDS.get(buffer, rbpSlot);
                returnPc = (long) StackDump.WORDS.get(buffer, rbpSlot + Long.BYTES);
            } else {
                long returnSlot = PlainRuleCache.cfa(entry, sp, bp) - Long.BYTES;
                long distance = PlainRuleCache.rbpDistance(rule);
                if (Long.compareUnsigned(returnSlot - stackStart, reach) >= 0 || returnSlot - distance - sp < 0) {
                    break;
                }
                int index = (int) (returnSlot + bytesBias);
                sp = returnSlot + Long.BYTES;
                returnPc = (long) StackDump.WORDS.get(buffer, index);
                // Selected by a mask: whether RBP was saved no branch predictor can tell.
                bp ^= (bp ^ (long) StackDump.WORDS.get(buffer, index - (int) distance)) & PlainRuleCache.rbpMask(rule);
            }
        }

        int before = this.frames;
        this.text = text;
        this.otherText = otherText;
        if (frames == before) {
            return false;
        }
        if (exact) {
            exact = false;
            pcs[before]--;
            found[(before - firstFound) * PreviousStack.FRAME + PreviousStack.STEP] = PlainRuleCache.NOT_PLAIN;
        }
        this.frames = frames;
        this.returnPc = returnPc;
        this.sp = sp;
        this.bp = bp;
        return true;
    }

    /** Goes on from a frame that is not for the hot loop, or makes room, so that it is. */
    private Outcome stepOtherwise() {
        if (frames == chain.room()) {
            chain.size = frames;
            if (!chain.grow()) {
                return end(StopReason.MAX_STACK);
            }
            found = previous.room(chain.pcs.length);
            return Outcome.GOES_ON;
        }
        if (frames - firstFound == PreviousStack.MAX_FRAMES) {
            firstFound = frames;
            return Outcome.GOES_ON;
        }
        boolean cached = text != NO_TEXT && AddressSpace.isInText(texts, text, returnPc - 1);
        if (!cached && findText()) {
            return Outcome.GOES_ON;
        }
        long entry = find(cached ? returnPc - 1 - texts[text + AddressSpace.TEXT_KEY_BIAS] : PlainRuleCache.NO_KEY);
        int rule = PlainRuleCache.rule(entry);
        if (rule == PlainRuleCache.OUTERMOST) {
            add(rule);
            return end(StopReason.END_OF_STACK);
        }
        return PlainRuleCache.isStep(rule) && stepBy(entry) ? Outcome.GOES_ON : stepByAnyRule();
    }

    /** Finds the mapping of code whose rules can be cached that the frame lies in; false if it lies in none. */
    private boolean findText() {
        int found = space.findText(returnPc - 1) * AddressSpace.TEXT;
        if (found < 0 || texts[found + AddressSpace.TEXT_CACHED] == 0) {
            return false;
        }
        otherText = text;
        text = found;
        return true;
    }

    /** The entry that the cache has for a key, or gets for it, or would get. */
    private long find(long key) {
        long entry = key == PlainRuleCache.NO_KEY ? 0 : rules.find(key);
        if (entry == 0) {
            entry = PlainRuleCache.entry(key, PlainRuleCache.plain(steps.find(returnPc - 1)));
            if (key != PlainRuleCache.NO_KEY && PlainRuleCache.rule(entry) != PlainRuleCache.NOT_PLAIN) {
                rules.put(key, entry, !exact);
            }
        }
        return entry;
    }

    /** One turn of the hot loop, past the meeting if need be; false if it cannot be made. */
    private boolean stepBy(long entry) {
        int rule = PlainRuleCache.rule(entry);
        long returnSlot = PlainRuleCache.cfa(entry, sp, bp) - Long.BYTES;
        long distance = PlainRuleCache.rbpDistance(rule);
        if (Long.compareUnsigned(sp - stackStart, words) >= 0
                || Long.compareUnsigned(returnSlot - stackStart, words) >= 0
                || returnSlot - distance - sp < 0) {
            return false;
        }
        add(rule);
        ByteBuffer buffer = stack.buffer();
        int index = (int) (returnSlot - stackStart) + stack.bufferOffset();
        exact = false;
        sp = returnSlot + Long.BYTES;
        returnPc = (long) StackDump.WORDS.get(buffer, index);
        bp ^= (bp ^ (long) StackDump.WORDS.get(buffer, index - (int) distance)) & PlainRuleCache.rbpMask(rule);
        return true;
    }

    /** A step by a rule of any shape, or without one. */
    private Outcome stepByAnyRule() {
        add(PlainRuleCache.NOT_PLAIN);
        chain.size = frames;
        Registers registers = steps.frame();
        if (frames == 1) {
            steps.enterFirst();
        } else {
            registers.clear();
            registers.set(RIP, chain.pcs[frames - 1]).set(RSP, sp).set(RBP, bp);
        }
        steps.find(returnPc - 1);
        if (!steps.stepPlainly()) {
            previous.keep(chain.pcs, frames);
            return frames == 1 || !steps.wantedUnknownRegister() ? Outcome.ENDED : Outcome.WANTS_REGISTERS;
        }
        if (!registers.isKnown(RBP)) {
            return Outcome.WANTS_REGISTERS;
        }
        exact = steps.isExact();
        returnPc = exact ? registers.get(RIP) + 1 : registers.get(RIP);
        sp = registers.get(RSP);
        bp = registers.get(RBP);
        return Outcome.GOES_ON;
    }
}
