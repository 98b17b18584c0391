package org.backstitch.unwind;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.backstitch.unwind.machine.StackDump;
import org.jspecify.annotations.Nullable;

/**
 * The frames that were found on a stack when it was walked last, so that the next walk over it need not find the outer ones again.
 *
 * <p>From one sample of a thread to the next most outer frames are still there. Where a frame has the same pc, RSP and RBP as then, and
 * its rule reads the same words, its caller is the same; and so on outwards. Nothing is assumed: {@link #compare} compares every word
 * that decides about the frames. It knows all their addresses beforehand, so that they are loaded side by side, where a walk must wait
 * for one word to learn the address of the next. What {@link #join} then takes over was walked before, and would come out the same.
 *
 * <p>RBP decides about a frame only where its rule is based on it, and about the frames between there and the one that has saved it: code
 * that keeps no frame pointer has anything in RBP, and other values of it in each sample. Where it decides nothing, it is brought up to
 * date.
 *
 * <p>Only steps by plain rules ({@link PlainRuleCache}) are taken over, and only between frames of the same code in the same places.
 */
final class PreviousStack {
    /** How many longs tell of a frame. */
    static final int FRAME = 4;

    /** Where the frame's pc is among them: a return address, unless it is the first frame's. */
    static final int PC = 0;

    /** Its RSP. */
    static final int SP = 1;

    /** Its RBP. */
    static final int BP = 2;

    /** The plain rule that led to its caller; {@link PlainRuleCache#NOT_PLAIN} if another did, or if the pc was exact. */
    static final int STEP = 3;

    /** How many frames are remembered at most: a stack of more is walked anew each time. */
    static final int MAX_FRAMES = 4096;

    /** An RSP that no walk ever reaches. */
    static final long NOWHERE = -1;

    private long @Nullable [] texts;
    private long[] known = new long[0];
    private int knownFrames;
    private long[] fresh = new long[0];

    /** The frames that all words agree with, from the innermost of them to the one behind the outermost. */
    private int first;

    private int behind;

    /** Whether RBP decides about frame {@link #first}. */
    private boolean rbpDecides;

    /**
     * Compares the words behind the known frames with a stack as it is now, outermost first, until one differs.
     *
     * @param code stands for what code is mapped where: {@link AddressSpace#texts}
     * @param stack holds the stack's bytes
     * @param bias what is to be added to an address for its place in the buffer
     * @param start the address of the first byte
     * @param words from how many addresses a word can be loaded
     * @return the RSP from which on a walk may {@link #join}; {@link #NOWHERE} if there is none
     */
    @SuppressWarnings("ReferenceEquality") // the array stands for the code as an identity
    long compare(long[] code, ByteBuffer stack, long bias, long start, long words) {
        if (code != texts) {
            texts = code;
            knownFrames = 0;
        }
        long[] frames = known;
        int caller = knownFrames * FRAME - FRAME;
        boolean decides = caller >= 0 && (int) frames[caller + STEP] != PlainRuleCache.OUTERMOST;
        while (caller > 0 && Long.compareUnsigned(frames[caller + SP] - Long.BYTES - start, words) >= 0) {
            caller -= FRAME; // it lies above the end of this dump
            decides = true;
        }
        behind = caller / FRAME + 1;
        while (caller > 0) {
            int callee = caller - FRAME;
            int step = (int) frames[callee + STEP];
            long returnSlot = frames[caller + SP] - Long.BYTES;
            if (step == PlainRuleCache.NOT_PLAIN || Long.compareUnsigned(returnSlot - start, words) >= 0) {
                break;
            }
            if ((long) StackDump.WORDS.get(stack, (int) (returnSlot + bias)) != frames[caller + PC]) {
                caller += FRAME; // it has returned to another place: what may be taken over begins behind it
                decides = true; // for frames further out it was not kept whether it does
                break;
            }
            if (PlainRuleCache.isRbpSaved(step)) {
                long rbpSlot = returnSlot - PlainRuleCache.rbpDistance(step);
                if (Long.compareUnsigned(rbpSlot - start, words) >= 0) {
                    break;
                }
                long rbp = (long) StackDump.WORDS.get(stack, (int) (rbpSlot + bias));
                if (rbp != frames[caller + BP]) {
                    if (decides) {
                        break;
                    }
                    frames[caller + BP] = rbp;
                }
                decides = false;
            }
            decides |= PlainRuleCache.isBasedOnRbp(step);
            caller = callee;
        }
        first = caller / FRAME;
        rbpDecides = decides;
        return meeting();
    }

    /** Where the first frame is, unless it is the outermost: that one is not taken over. */
    private long meeting() {
        return first + 1 < behind ? known[first * FRAME + SP] : NOWHERE;
    }

    /**
     * The longs of the frames that the walk going on finds, {@link #FRAME} for each; there is room for {@code frames} of them. All from
     * {@link #MAX_FRAMES} on share a place.
     */
    long[] room(int frames) {
        int longs = Math.min(frames, MAX_FRAMES + 1) * FRAME;
        if (fresh.length < longs) {
            fresh = Arrays.copyOf(fresh, longs);
        }
        return fresh;
    }

    /**
     * Takes over what is known of the frames further out, if the walk has come to one of the known frames.
     *
     * @param pc a return address that the walk has come to
     * @param sp the RSP that goes with it, at or above what {@link #compare} gave
     * @param bp the RBP that goes with it
     * @param chain gets the pcs of all frames from this one on, but for the outermost that is known
     * @param frames how many frames the walk has found so far
     * @return how many frames were taken over; {@link #outermost} is the one that the walk is to go on with. 0 if it has come to
     *     another frame: then {@link #next} says from where on to try again
     */
    int join(long pc, long sp, long bp, Callchain chain, int frames) {
        long[] from = known;
        while (first < behind && Long.compareUnsigned(from[first * FRAME + SP], sp) < 0) {
            first++;
            rbpDecides = true; // for frames further out it was not kept whether it does
        }
        int place = first * FRAME;
        boolean same = first < behind
                && from[place + PC] == pc
                && from[place + SP] == sp
                && (from[place + BP] == bp || !rbpDecides);
        if (!same) {
            if (first < behind && from[place + SP] == sp) {
                first++;
            }
            rbpDecides = true;
            return 0;
        }
        int wanted = behind - 1 - first;
        int count = Math.min(wanted, chain.reserve(frames, wanted));
        if (count == 0 || frames + count > MAX_FRAMES) {
            return 0;
        }
        long[] to = room(chain.pcs.length);
        long[] pcs = chain.pcs;
        long rbp = bp;
        for (int i = 0; i < count; i++) {
            int frame = place + i * FRAME;
            from[frame + BP] = rbp;
            rbp = PlainRuleCache.isRbpSaved((int) from[frame + STEP]) ? from[frame + FRAME + BP] : rbp;
            pcs[frames + i] = from[frame + PC];
        }
        System.arraycopy(from, place, to, frames * FRAME, count * FRAME);
        first += count;
        from[first * FRAME + BP] = rbp;
        return count;
    }

    /** The RSP from which on a walk that could not join may try again. */
    long next() {
        return meeting();
    }

    /** One of the {@link #FRAME} longs of the frame behind those that were taken over. */
    long outermost(int part) {
        return known[first * FRAME + part];
    }

    /** Keeps the frames of the walk that has ended for the next one. */
    void keep(int frames) {
        long[] old = known;
        known = fresh;
        fresh = old;
        knownFrames = frames > MAX_FRAMES ? 0 : frames;
    }
}
