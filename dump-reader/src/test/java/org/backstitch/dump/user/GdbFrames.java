package org.backstitch.dump.user;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.machine.X86_64;

/** Chains in the words of the goldens that gdb gave: a line a frame, {@code NAME=VALUE} for each register that calls preserve. */
final class GdbFrames {
    private static final int[] REGISTERS = {
        X86_64.RIP, X86_64.RSP, X86_64.RBP, X86_64.RBX, X86_64.R12, X86_64.R13, X86_64.R14, X86_64.R15
    };

    private GdbFrames() {}

    static List<String> of(Callchain chain) {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < chain.size(); i++) {
            List<String> known = new ArrayList<>();
            for (int register : REGISTERS) {
                if (chain.isKnown(i, register)) {
                    known.add(X86_64.name(register) + "=" + Long.toHexString(chain.register(i, register)));
                }
            }
            lines.add(String.join("\t", known));
        }
        return lines;
    }
}
