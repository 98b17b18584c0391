package org.backstitch.code.stack;

import java.util.BitSet;
import java.util.HashSet;
import java.util.Set;

/**
 * The functions of a module that may return with another RBP than they were entered with, as helpers of hand-written assembly do whose
 * callers have saved it. Behind calls of them RBP is not known.
 *
 * <p>The ABI says that RBP is preserved (System V ABI x86-64 §3.2.1), and of functions that cannot be looked into it is believed.
 */
public final class FramePointerChanges {
    private final DecodedCode code;

    /** The first places of the functions. */
    private final Set<Integer> functions = new HashSet<>();

    /** The words of their calls. */
    private final BitSet calls = new BitSet();

    /** None known so far, of the functions of {@code code}. */
    public FramePointerChanges(DecodedCode code) {
        this.code = code;
    }

    /** Adds the function that begins at a place; returns whether it is new. */
    public boolean add(int place) {
        if (!functions.add(place)) {
            return false;
        }
        CodeIndex index = code.index();
        int callee = index.calleeAt(place);
        if (callee != CodeIndex.UNKNOWN) {
            for (int at = 0; at < index.callsOf(callee); at++) {
                calls.set(index.callOf(callee, at));
            }
        }
        return true;
    }

    /** Whether the word of a call calls one of them. */
    boolean isBehind(int call) {
        return calls.get(call);
    }

    /** Whether one of them is where a jump leads, perhaps through the linkage table. */
    boolean isTarget(int target) {
        return functions.contains(code.index().destination(target));
    }
}
