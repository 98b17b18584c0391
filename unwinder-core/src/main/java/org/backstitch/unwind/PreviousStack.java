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
    /** How many longs tell of a frame, beside its pc. */
    static final int FRAME = 3;

    /** Where the frame's RSP is among them. */
    static final int SP = 0;

    /** Its RBP. */
    static final int BP = 1;

    /** The plain rule that led to its caller; {@link PlainRuleCache#NOT_PLAIN} if another did, or if the pc was exact. */
    static final int STEP = 2;

    /** How many frames are remembered at most: a stack of more is walked anew each time. */
    static final int MAX_FRAMES = 4096;

    /** In place of an RSP: there is none. */
    static final long NOWHERE = -1;

    private long @Nullable [] texts;
    private long[] known = new long[0];

    /** The pcs of the known frames: return addresses, but for the first frame's. */
    private long[] knownPcs = new long[0];

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
        long[] pcs = knownPcs;
        int caller = knownFrames - 1;
        boolean decides = caller >= 0 && (int) frames[caller * FRAME + STEP] != PlainRuleCache.OUTERMOST;
        while (caller > 0 && Long.compareUnsigned(frames[caller * FRAME + SP] - Long.BYTES - start, words) >= 0) {
            caller--; // it lies above the end of this dump
            decides = true;
        }
        behind = caller + 1;
        while (caller > 0) {
            int place = caller * FRAME;
            int step = (int) frames[place - FRAME + STEP];
            if (step == PlainRuleCache.NOT_PLAIN || frames[place - FRAME + SP] - start < 0) {
                break; // a frame below the start of the dump is none that a plain step leads on from
            }
            int returnSlot = (int) (frames[place + SP] - Long.BYTES + bias);
            if ((long) StackDump.WORDS.get(stack, returnSlot) != pcs[caller]) {
                caller++; // it has returned to another place: what may be taken over begins behind it
                decides = true; // for frames further out it was not kept whether it does
                break;
            }
            if (PlainRuleCache.isRbpSaved(step)) {
                int rbpSlot = returnSlot - (int) PlainRuleCache.rbpDistance(step);
                long rbp = (long) StackDump.WORDS.get(stack, rbpSlot);
                if (rbp != frames[place + BP]) {
                    if (decides) {
                        break;
                    }
                    setBp(caller, rbp);
                }
                decides = false;
            }
            decides |= PlainRuleCache.isBasedOnRbp(step);
            caller--;
        }
        first = Math.max(caller, 0);
        rbpDecides = decides;
        return meeting();
    }

    /** Brings RBP up to date in a known frame, and in those further out that have it from there. */
    private void setBp(int frame, long bp) {
        int place = frame * FRAME;
        int outermost = (behind - 1) * FRAME;
        known[place + BP] = bp;
        while (place < outermost && !PlainRuleCache.isRbpSaved((int) known[place + STEP])) {
            place += FRAME;
            known[place + BP] = bp;
        }
    }

    /** Passes over the known frames up to an RSP, that with the same one, too; gives from which on a walk may {@link #join} then. */
    long skip(long sp) {
        skipBelow(sp);
        if (first < behind && known[first * FRAME + SP] == sp) {
            first++;
            rbpDecides = true;
        }
        return meeting();
    }

    private void skipBelow(long sp) {
        while (first < behind && Long.compareUnsigned(known[first * FRAME + SP], sp) < 0) {
            first++;
            rbpDecides = true; // for frames further out it was not kept whether it does
        }
    }

    /** Where the first frame is, unless it is the outermost: what follows that one is not known here. */
    private long meeting() {
        return first + 1 < behind ? known[first * FRAME + SP] : NOWHERE;
    }

    /**
     * The longs of the frames that the walk going on finds, {@link #FRAME} for each; there is room for {@code frames} of them, or for the
     * one behind {@link #MAX_FRAMES} if they are more.
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
     *     another frame, or if the chain or what is kept of it has no room: then the walk is to {@link #skip} it
     */
    int join(long pc, long sp, long bp, Callchain chain, int frames) {
        skipBelow(sp);
        long[] from = known;
        int place = first * FRAME;
        boolean same = first < behind
                && knownPcs[first] == pc
                && from[place + SP] == sp
                && (from[place + BP] == bp || !rbpDecides);
        if (!same) {
            return 0;
        }
        int wanted = behind - 1 - first;
        if (frames + wanted > MAX_FRAMES) {
            return 0;
        }
        int count = Math.min(wanted, chain.reserve(frames, wanted));
        if (count == 0) {
            return 0;
        }
        long[] to = room(chain.pcs.length);
        System.arraycopy(knownPcs, first, chain.pcs, frames, count);
        setBp(first, bp);
        System.arraycopy(from, place, to, frames * FRAME, count * FRAME);
        first += count;
        return count;
    }

    /** The pc of the frame behind those that were taken over. */
    long outermostPc() {
        return knownPcs[first];
    }

    /** One of the {@link #FRAME} longs of that frame. */
    long outermost(int part) {
        return known[first * FRAME + part];
    }

    /**
     * Keeps the frames of the walk that has ended for the next one.
     *
     * @param pcs their pcs; what else there is to know of them is in the {@link #room}
     */
    void keep(long[] pcs, int frames) {
        long[] old = known;
        known = fresh;
        fresh = old;
        knownFrames = 0;
        if (frames > MAX_FRAMES) {
            return;
        }
        if (knownPcs.length < frames) {
            knownPcs = new long[Math.min(pcs.length, MAX_FRAMES)];
        }
        System.arraycopy(pcs, 0, knownPcs, 0, frames);
        knownFrames = frames;
    }
}
