package org.backstitch.unwind;

import static org.backstitch.unwind.PreviousStack.BP;
import static org.backstitch.unwind.PreviousStack.FRAME;
import static org.backstitch.unwind.PreviousStack.MAX_FRAMES;
import static org.backstitch.unwind.PreviousStack.NOWHERE;
import static org.backstitch.unwind.PreviousStack.SP;
import static org.backstitch.unwind.PreviousStack.STEP;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.backstitch.unwind.machine.X86_64;
import org.backstitch.unwind.table.UnwindRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is known of a stack of eight frames, against the stack as it is when it is seen again: from where on its frames may be taken over,
 * and what is taken over then.
 *
 * <pre>
 *    frame         RSP     its step                                 its RBP
 *    0             +00     none that can be kept                    anything
 *    1             +10     RSP + 16                                 1111
 *    2             +20     RSP + 32, RBP saved at +30               1111
 *    3             +40     RSP + 16                                 the word at +30: +60
 *    4             +50     RBP + 16, RBP saved at +60               +60
 *    5             +70     RSP + 16                                 the word at +60: 5555
 *    6             +80     RSP + 32, RBP saved at +90               5555
 *    7             +a0     the outermost                            the word at +90: 7777
 * </pre>
 *
 * <p>So RBP decides about frames 3 and 4, and about no other.
 */
class PreviousStackTest {
    private static final long STACK = 0x7fff_0000_0000L;
    private static final long FRAME_POINTER = STACK + 0x60;
    private static final int LENGTH = 0xa8;

    /** Where the stack's bytes lie in their segment. */
    private static final int OFFSET = 40;

    private static final long[] CODE = {1, 2, 3, 4};

    private static final int CALL = plain(X86_64.RSP, 16, UnwindRule.RBP_SAME);
    private static final int SAVES = plain(X86_64.RSP, 32, UnwindRule.RBP_AT_CFA);
    private static final int BY_RBP = plain(X86_64.RBP, 16, UnwindRule.RBP_AT_CFA);

    private static final long[][] FRAMES = {
        {STACK, 0, PlainRuleCache.NOT_PLAIN},
        {STACK + 0x10, 0x1111, CALL},
        {STACK + 0x20, 0x1111, SAVES},
        {STACK + 0x40, FRAME_POINTER, CALL},
        {STACK + 0x50, FRAME_POINTER, BY_RBP},
        {STACK + 0x70, 0x5555, CALL},
        {STACK + 0x80, 0x5555, SAVES},
        {STACK + 0xa0, 0x7777, PlainRuleCache.OUTERMOST},
    };

    private final ByteBuffer bytes = ByteBuffer.allocate(OFFSET + LENGTH + 64).order(ByteOrder.LITTLE_ENDIAN);
    private final PreviousStack previous = new PreviousStack();
    private final Callchain chain = new Callchain();

    private static int plain(int base, int cfaOffset, int rbpMode) {
        int rbpOffset = rbpMode == UnwindRule.RBP_AT_CFA ? -16 : 0;
        return PlainRuleCache.plain(UnwindRule.of(UnwindRule.CALL, base, cfaOffset, rbpMode, rbpOffset, 0, 0));
    }

    private static long pc(int frame) {
        return 0x40_0000 + 0x100L * frame;
    }

    private static long sp(int frame) {
        return FRAMES[frame][SP];
    }

    PreviousStackTest() {
        for (int frame = 1; frame < FRAMES.length; frame++) {
            put((int) (sp(frame) - STACK) - 8, pc(frame));
        }
        put(0x30, FRAME_POINTER);
        put(0x60, 0x5555);
        put(0x90, 0x7777);
        keep(FRAMES);
        compare(); // the frames are of code that was not seen before: they are forgotten
        keep(FRAMES);
    }

    private void put(int distance, long word) {
        bytes.putLong(OFFSET + distance, word);
    }

    private void keep(long[]... frames) {
        long[] to = previous.room(frames.length);
        for (int frame = 0; frame < frames.length; frame++) {
            System.arraycopy(frames[frame], 0, to, frame * FRAME, FRAME);
        }
        previous.keep(pcs(frames.length), frames.length);
    }

    private static long[] pcs(int frames) {
        return LongStream.range(0, frames).map(frame -> pc((int) frame)).toArray();
    }

    private long compare() {
        return compare(CODE, 0, LENGTH);
    }

    /** Compares with a stack of which the bytes from {@code from} to {@code to} were recorded. */
    private long compare(long[] code, int from, int to) {
        ByteBuffer stack = bytes.slice(0, OFFSET + to);
        return previous.compare(code, stack, OFFSET - STACK, STACK + from, Math.max(0, to - from - 7));
    }

    /** Comes to a known frame as the first one behind those that the walk has found itself. */
    private int join(int frame, long bp) {
        return previous.join(pc(frame), sp(frame), bp, chain, frame);
    }

    /** What is known of the frame that the walk is to go on with. */
    private long[] outermost() {
        return new long[] {previous.outermost(SP), previous.outermost(BP), previous.outermost(STEP)};
    }

    /** The walk is to go on with this frame. */
    private void assertGoesOn(int frame, long[] expected) {
        assertEquals(pc(frame), previous.outermostPc());
        assertArrayEquals(expected, outermost());
    }

    /** From where on the walk may join if it has found another frame there. */
    private long past(int frame) {
        return previous.skip(sp(frame));
    }

    private static long[] withBp(int frame, long bp) {
        long[] changed = FRAMES[frame].clone();
        changed[BP] = bp;
        return changed;
    }

    /** One of the frames that will be kept of the walk that is going on. */
    private long[] kept(int frame) {
        return Arrays.copyOfRange(previous.room(1), frame * FRAME, frame * FRAME + FRAME);
    }

    @Test
    void nothingIsKnownAtFirst() {
        PreviousStack fresh = new PreviousStack();
        assertEquals(NOWHERE, fresh.compare(CODE, ByteBuffer.allocate(64), -STACK, STACK, 57));
    }

    @Test
    void framesOfOtherCodeAreForgotten() {
        long[] other = CODE.clone();
        assertEquals(NOWHERE, compare(other, 0, LENGTH));
        assertEquals(NOWHERE, compare(CODE, 0, LENGTH), "they are not remembered again");
        keep(FRAMES);
        assertEquals(sp(1), compare(CODE, 0, LENGTH));
    }

    @Test
    void aStackThatIsAsItWas() {
        assertEquals(sp(1), compare());
        assertEquals(6, join(1, 0x1111), "all but the outermost, which the walk looks at itself");
        for (int frame = 1; frame < 7; frame++) {
            assertEquals(pc(frame), chain.pcs[frame]);
            assertArrayEquals(FRAMES[frame], kept(frame));
        }
        assertEquals(0, chain.pcs[7]);
        assertGoesOn(7, FRAMES[7]);
    }

    /** The same frames, found behind another number of frames than before. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 200})
    void framesMoveInAndOut(int found) {
        assertEquals(sp(1), compare());
        assertEquals(6, previous.join(pc(1), sp(1), 0x1111, chain, found));
        for (int frame = 1; frame < 7; frame++) {
            assertEquals(pc(frame), chain.pcs[found - 1 + frame]);
            assertArrayEquals(FRAMES[frame], kept(found - 1 + frame));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7})
    void anotherReturnAddress(int frame) {
        int distance = (int) (sp(frame) - STACK) - 8;
        put(distance, pc(frame) + 4);
        if (frame == 1) {
            assertEquals(sp(1), compare(), "what led there was not kept: it may have come there in another way");
            assertEquals(0, previous.join(pc(1) + 4, sp(1), 0x1111, chain, 1));
            assertEquals(sp(2), past(1));
        } else {
            assertEquals(frame >= 6 ? NOWHERE : sp(frame + 1), compare(), "behind the frame that is another");
        }
        if (frame < 6) {
            assertEquals(6 - frame, join(frame + 1, FRAMES[frame + 1][BP]));
            assertGoesOn(7, FRAMES[7]);
        }
    }

    /** Behind a frame that is another RBP may decide, though it did not decide about that frame. */
    @Test
    void anotherReturnAddressBehindWhichRbpDecides() {
        put((int) (sp(2) - STACK) - 8, pc(2) + 4);
        assertEquals(sp(3), compare());
        assertEquals(0, join(3, 0x9999));
        assertEquals(sp(4), past(3));
    }

    /** A saved RBP that is another now, by the frame whose RBP it is: it decides about frames 3 and 4. */
    @ParameterizedTest
    @CsvSource({"0x30, 3, 3", "0x60, 5, 1", "0x90, 7, 1"})
    void anotherSavedRbp(String slot, int frame, int from) {
        put(Integer.decode(slot), 0x9999);
        assertEquals(sp(from), compare());
        if (from == frame) {
            assertEquals(0, join(frame, 0x9999), "the walk goes elsewhere from there");
            assertEquals(sp(frame + 1), past(frame));
            return;
        }
        // It is as it is now in all the frames that have it, also when they are met again.
        long last = frame == 7 ? 0x9999 : 0x7777;
        long fifth = frame == 5 ? 0x9999 : 0x5555;
        assertEquals(6, join(1, 0x1111));
        assertGoesOn(7, withBp(7, last));
        assertArrayEquals(withBp(5, fifth), kept(5));
        assertArrayEquals(withBp(6, fifth), kept(6));
        System.arraycopy(outermost(), 0, previous.room(8), 7 * FRAME, FRAME);
        System.arraycopy(FRAMES[0], 0, previous.room(8), 0, FRAME);
        previous.keep(pcs(8), 8);
        assertEquals(sp(1), compare());
        assertEquals(6, join(1, 0x1111));
        assertGoesOn(7, withBp(7, last));
    }

    @Test
    void anotherRbpWhereItDecidesNothing() {
        assertEquals(sp(1), compare());
        assertEquals(6, join(1, 0x9999));
        assertArrayEquals(withBp(1, 0x9999), kept(1));
        assertArrayEquals(withBp(2, 0x9999), kept(2));
        assertArrayEquals(FRAMES[3], kept(3));
        assertGoesOn(7, FRAMES[7]);
    }

    /** Of the frames between the first and the outermost one, whether RBP decides is not kept. */
    @Test
    void anotherRbpFurtherOut() {
        assertEquals(sp(1), compare());
        assertEquals(0, join(3, 0x9999), "here it does");
        assertEquals(sp(4), past(3));
        assertEquals(0, join(5, 0x9999), "here it might");
        assertEquals(1, join(6, 0x5555));
        assertArrayEquals(FRAMES[6], kept(6));
    }

    @Test
    void aStepThatIsNotKept() {
        long[][] frames = FRAMES.clone();
        frames[4] = new long[] {sp(4), FRAME_POINTER, PlainRuleCache.NOT_PLAIN};
        keep(frames);
        assertEquals(sp(5), compare());
        assertEquals(2, join(5, 0x9999), "behind it RBP decides nothing");
        assertArrayEquals(withBp(6, 0x9999), kept(6));
        assertGoesOn(7, FRAMES[7]);
    }

    /** Where no frame saves RBP, the outermost has it as the first that was taken over. */
    @Test
    void framesThatSaveNothing() {
        keep(
                new long[] {STACK, 0, PlainRuleCache.NOT_PLAIN},
                new long[] {STACK + 0x10, 0x1111, CALL},
                new long[] {STACK + 0x20, 0x1111, CALL},
                new long[] {STACK + 0x30, 0x1111, PlainRuleCache.OUTERMOST});
        put(0x18, pc(2));
        put(0x28, pc(3));
        assertEquals(sp(1), compare());
        assertEquals(2, join(1, 0x9999));
        assertGoesOn(3, new long[] {STACK + 0x30, 0x9999, PlainRuleCache.OUTERMOST});
    }

    /** Without an outermost frame nothing says that the last frame's RBP decides nothing: the walk that ended there may go on now. */
    @Test
    void whereTheChainWasCutOff() {
        long[][] frames = Arrays.copyOf(FRAMES, 7);
        frames[6] = new long[] {sp(6), 0x5555, PlainRuleCache.NOT_PLAIN};
        keep(frames);
        put(0x60, 0x9999);
        assertEquals(sp(5), compare());
        assertEquals(0, join(5, 0x9999));
        put(0x60, 0x5555);
        assertEquals(sp(1), compare());
        assertEquals(5, join(1, 0x9999));
        assertGoesOn(6, frames[6]);
    }

    /** The end of what was recorded, at every byte: frames whose return address lies behind it are not known. */
    @Test
    void aDumpThatEndsFurtherIn() {
        for (int end = 0; end <= LENGTH; end++) {
            int last = 0;
            while (last < 7 && sp(last + 1) - STACK <= end) {
                last++;
            }
            keep(FRAMES);
            // RBP decides about frames 3 and 4, and about the last one, of which more may be found now.
            assertEquals(last < 2 ? NOWHERE : sp(1), compare(CODE, 0, end), "recorded: " + end);
            assertEquals(Math.max(0, last - 1), join(1, 0x1111), "recorded: " + end);
            if (last > 1) {
                assertGoesOn(last, FRAMES[last]);
            }
        }
    }

    @Test
    void behindTheEndOfADumpRbpDecides() {
        assertEquals(sp(1), compare(CODE, 0, 0x80));
        put(0x60, 0x9999);
        assertEquals(sp(5), compare(CODE, 0, 0x80), "frame 6 is not the last any more");
        assertEquals(sp(1), compare(CODE, 0, LENGTH));
    }

    @Test
    void aStackThatBeginsFurtherOut() {
        assertEquals(sp(3), compare(CODE, 0x38, LENGTH), "the word at +30 is gone");
        assertEquals(sp(3), compare(CODE, 0x31, LENGTH));
        assertEquals(sp(2), compare(CODE, 0x19, LENGTH));
        assertEquals(
                sp(2), compare(CODE, 0x11, LENGTH), "a frame below the start is none that a plain step leads on from");
        assertEquals(sp(1), compare(CODE, 0x10, LENGTH));
        assertEquals(sp(5), compare(CODE, 0x68, LENGTH));
        assertEquals(NOWHERE, compare(CODE, 0xa0, LENGTH));
    }

    @Test
    void framesThatTheWalkDoesNotMeet() {
        assertEquals(sp(1), compare());
        assertEquals(0, previous.join(pc(1), sp(1) + 8, 0x1111, chain, 1), "between two of them");
        assertEquals(sp(2), past(1));
        assertEquals(0, previous.join(pc(1), sp(4) + 8, FRAME_POINTER, chain, 1), "past some");
        assertEquals(sp(5), past(4));
        assertEquals(0, previous.join(pc(7), sp(7), 0x7777, chain, 2), "the outermost is not taken over");
        assertEquals(NOWHERE, past(7));
        assertEquals(0, previous.join(pc(7), sp(7) + 8, 0x7777, chain, 3), "behind all of them");
        assertEquals(NOWHERE, past(7));
        assertEquals(0, previous.join(pc(7), sp(7) + 16, 0x7777, chain, 4));
    }

    /** A chain may have so many frames only. */
    @ParameterizedTest
    @CsvSource({"1, 0, 1", "2, 1, 2", "6, 5, 6", "7, 6, 7", "8, 6, 7"})
    void chainsWithABound(int limit, int takenOver, int goesOn) {
        chain.limit(limit);
        assertEquals(sp(1), compare());
        assertEquals(takenOver, join(1, 0x1111));
        assertGoesOn(goesOn, FRAMES[goesOn]);
    }

    @Test
    void soManyFramesAndNoMore() {
        assertEquals(sp(1), compare());
        assertEquals(0, previous.join(pc(1), sp(1), 0x1111, chain, MAX_FRAMES - 5));
        assertEquals(6, previous.join(pc(1), sp(1), 0x1111, chain, MAX_FRAMES - 6));
        assertArrayEquals(FRAMES[6], kept(MAX_FRAMES - 1));
        assertEquals((MAX_FRAMES + 1) * FRAME, previous.room(Integer.MAX_VALUE).length);
    }

    @ParameterizedTest
    @CsvSource({"0, true", "1, false"})
    void soManyAreRemembered(int more, boolean remembered) {
        int count = MAX_FRAMES + more;
        byte[] stack = new byte[16 * count];
        ByteBuffer words = ByteBuffer.wrap(stack).order(ByteOrder.LITTLE_ENDIAN);
        long[] frames = previous.room(count);
        for (int frame = 0; frame < MAX_FRAMES; frame++) {
            long[] call = {STACK + 16L * frame, 0x1111, frame == 0 ? PlainRuleCache.NOT_PLAIN : CALL};
            System.arraycopy(call, 0, frames, frame * FRAME, FRAME);
            words.putLong(Math.max(0, 16 * frame - 8), pc(frame));
        }
        previous.keep(pcs(count), count);
        assertEquals(remembered ? STACK + 16 : NOWHERE, previous.compare(CODE, words, -STACK, STACK, stack.length - 7));
    }
}
