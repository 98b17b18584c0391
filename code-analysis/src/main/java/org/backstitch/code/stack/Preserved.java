package org.backstitch.code.stack;

import java.util.BitSet;
import org.backstitch.unwind.machine.X86_64;

/**
 * Which of the registers that a function may destroy it does leave alone: functions that call nothing and stay in their region tell it by
 * the registers that they write. Compilers rely on it (GCC's {@code -fipa-ra}), and hand-written assembly does.
 *
 * <p>The answer is written into the words of calls, where their registers are.
 */
final class Preserved {
    /** The registers that functions may destroy, in the order of their bits in a call's word. */
    private static final int[] VOLATILE = {
        X86_64.RAX, X86_64.RDX, X86_64.RCX, X86_64.RSI, X86_64.RDI, X86_64.R8, X86_64.R9, X86_64.R10, X86_64.R11
    };

    private static final int SHIFT = 10;
    private static final long BITS = 0x3ffL << SHIFT;

    private Preserved() {}

    /** The registers that a call's word says are preserved, as a mask; the callee-saved ones are not among them. */
    static int of(long call) {
        if (Effect.operation(call) != Effect.CALL) {
            return 0;
        }
        int bits = (int) ((call & BITS) >> SHIFT);
        int mask = 0;
        for (int i = 0; i < VOLATILE.length && bits != 0; i++) {
            if ((bits >>> i & 1) != 0) {
                mask |= 1 << VOLATILE[i];
            }
        }
        return mask;
    }

    /** Decides for every call. */
    static void decide(DecodedCode code) {
        CodeIndex index = code.index();
        short[] bits = new short[code.regions().size()];
        BitSet known = new BitSet();
        for (int at = 0; at < index.calls(); at++) {
            int call = index.call(at);
            long word = code.word(call);
            if (Effect.operation(word) == Effect.CALL) {
                int target = index.target(at);
                int region = target == CodeIndex.UNKNOWN ? -1 : code.calledRegion(target);
                if (region >= 0 && !known.get(region)) {
                    known.set(region);
                    bits[region] = bits(code, region);
                }
                code.setWord(call, word & ~BITS | (region >= 0 ? (long) bits[region] << SHIFT : 0));
            }
        }
    }

    private static short bits(DecodedCode code, int region) {
        int written = 0;
        int end = code.first(region + 1);
        for (int i = code.first(region); i < end; i++) {
            long word = code.word(i);
            written |= Effect.written(word);
            switch (Effect.operation(word)) {
                case Effect.CALL, Effect.CALL_INDIRECT, Effect.JUMP_REGISTER, Effect.JUMP_TABLE -> {
                    return 0;
                }
                case Effect.JUMP_MEMORY, Effect.UNDECODED -> {
                    return 0;
                }
                case Effect.JUMP, Effect.BRANCH -> {
                    if (Effect.n(word) < code.first(region) || Effect.n(word) >= end) {
                        return 0;
                    }
                }
                default -> {
                    // Control stays in the region, or returns.
                }
            }
        }
        int bits = 0;
        for (int i = 0; i < VOLATILE.length; i++) {
            if ((written >>> VOLATILE[i] & 1) == 0) {
                bits |= 1 << i;
            }
        }
        return (short) bits;
    }
}
