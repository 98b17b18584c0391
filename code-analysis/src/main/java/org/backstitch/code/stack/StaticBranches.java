package org.backstitch.code.stack;

import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * The branches of a kernel that are taken or not by patching the code: where a no-operation of five or two bytes, or a jump, may be
 * replaced by the other, so that control goes to a place that nothing else may lead to.
 *
 * <p>They are listed in {@code __jump_table}, in entries of 16 bytes (Linux, {@code struct jump_entry} with relative references): the
 * distance from the first field to the instruction, the distance from the second field to the target, and 8 bytes that say which key it
 * hangs on.
 */
final class StaticBranches {
    static final String SECTION = "__jump_table";

    private static final int ENTRY = 16;
    private static final int SHORT = 2;
    private static final int NEAR = 5;

    private final ModuleCode.@Nullable Data table;

    /** The branches of a table, or none. */
    StaticBranches(ModuleCode.@Nullable Data table) {
        this.table = table;
    }

    /** Makes each of them a conditional branch; entries that are for no such instruction are passed over. */
    void mark(DecodedCode code) {
        if (table == null) {
            return;
        }
        Bytes bytes = table.bytes();
        for (int at = 0; bytes.contains(at, ENTRY); at += ENTRY) {
            int place = table.place() + at;
            int from = code.find(place + bytes.i32(at));
            int to = code.find(place + 4 + bytes.i32(at + 4L));
            if (from >= 0 && to >= 0 && isPatched(code.word(from))) {
                long branch = Effect.of(Effect.BRANCH, Effect.NO_REGISTER, to);
                code.setWord(from, Effect.withLength(branch, Effect.length(code.word(from))));
                code.setTarget(to);
            }
        }
    }

    private static boolean isPatched(long word) {
        int length = Effect.length(word);
        boolean operation = Effect.operation(word) == Effect.NONE || Effect.operation(word) == Effect.JUMP;
        return operation && (word & Effect.MORE) == 0 && (length == SHORT || length == NEAR);
    }
}
