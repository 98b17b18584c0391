package org.backstitch.bench;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.UserUnwinder;
import org.jspecify.annotations.Nullable;

/** Chains that other unwinders agree on: a benchmark that unwinds wrongly is to fail, not to be fast. */
final class GoldenChains {
    private static final int PCS = 4;

    private final List<long @Nullable []> agreed = new ArrayList<>();

    /**
     * @param lines {@code TIME PID TID VERDICT PC…}, a sample each; where the verdict is not {@code agreed}, any chain will do
     */
    GoldenChains(List<String> lines) {
        for (String line : lines) {
            if (line.startsWith("#") || line.isBlank() || Character.isWhitespace(line.charAt(0))) {
                continue; // a comment, or what one of several tools said
            }
            String[] columns = line.split("\t", -1);
            agreed.add(columns[PCS - 1].equals("agreed") ? pcs(columns[PCS]) : null);
        }
    }

    private static long[] pcs(String column) {
        String[] words = column.split(" ", -1);
        long[] pcs = new long[words.length];
        for (int i = 0; i < words.length; i++) {
            pcs[i] = Long.parseUnsignedLong(words[i], 16);
        }
        return pcs;
    }

    /**
     * Walks all stacks and compares.
     *
     * @return the number of frames
     * @throws IllegalStateException if a chain is not the golden one
     */
    long check(RecordedStacks stacks, UserUnwinder unwinder, Callchain chain) {
        if (!agreed.isEmpty() && agreed.size() != stacks.size()) {
            throw new IllegalStateException(stacks.size() + " stacks, and golden chains of " + agreed.size());
        }
        long frames = 0;
        for (int i = 0; i < stacks.size(); i++) {
            stacks.walk(unwinder, chain, i);
            frames += chain.size();
            long @Nullable [] golden = agreed.isEmpty() ? null : agreed.get(i);
            if (golden != null && !isSame(golden, chain)) {
                throw new IllegalStateException("stack " + i + " unwound wrongly: " + chain);
            }
        }
        return frames;
    }

    private static boolean isSame(long[] golden, Callchain chain) {
        boolean same = golden.length == chain.size();
        for (int i = 0; same && i < golden.length; i++) {
            same = golden[i] == chain.pc(i);
        }
        return same;
    }
}
