package org.backstitch.code.capstone;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** What Capstone's numbers of instructions mean, found by name when each is met first. */
final class Operations {
    private final Library library;
    private final long handle;
    private @Nullable Operation[] known = new @Nullable Operation[256];

    Operations(Library library, long handle) {
        this.library = library;
        this.handle = handle;
    }

    /** The operation of a number that Capstone has given to an instruction. */
    Operation of(int id) {
        if (id >= known.length) {
            known = Arrays.copyOf(known, Math.max(id + 1, 2 * known.length));
        }
        Operation operation = known[id];
        if (operation == null) {
            operation = Operation.of(library.instructionName(handle, id));
            known[id] = operation;
        }
        return operation;
    }
}
