package org.backstitch.code.stack;

import java.util.HashMap;
import java.util.Map;

/**
 * The functions of a module that may return with other callee-saved registers than they were entered with, as helpers of hand-written
 * assembly do whose callers have saved them. Behind calls of them those registers are not what they were.
 *
 * <p>The ABI says that they are preserved (System V ABI x86-64 §3.2.1), and of functions that cannot be looked into it is believed.
 */
public final class RegisterChanges {
    private final DecodedCode code;

    /** The registers that each function changes, as a mask, by its first place. */
    private final Map<Integer, Integer> functions = new HashMap<>();

    /** The same for calls, by their words. */
    private final Map<Integer, Integer> calls = new HashMap<>();

    /** None known so far, of the functions of {@code code}. */
    public RegisterChanges(DecodedCode code) {
        this.code = code;
    }

    /**
     * Adds registers that the function which begins at a place changes.
     *
     * @param registers as a mask
     * @return whether that is new of any of them
     */
    public boolean add(int place, int registers) {
        int before = functions.getOrDefault(place, 0);
        if ((registers & ~before) == 0) {
            return false;
        }
        functions.put(place, before | registers);
        CodeIndex index = code.index();
        int callee = index.calleeAt(place);
        if (callee != CodeIndex.UNKNOWN) {
            for (int at = 0; at < index.callsOf(callee); at++) {
                calls.put(index.callOf(callee, at), before | registers);
            }
        }
        return true;
    }

    /** The registers that the callee of the word of a call changes, as a mask. */
    int behind(int call) {
        return functions.isEmpty() ? 0 : calls.getOrDefault(call, 0);
    }

    /** The registers that the function changes that a jump leads to, perhaps through the linkage table, as a mask. */
    int ofTarget(int target) {
        return functions.isEmpty() ? 0 : functions.getOrDefault(code.index().destination(target), 0);
    }
}
