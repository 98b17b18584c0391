package org.backstitch.cli.flame;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A place in a program as sums of samples tell places apart: a function, not an address.
 *
 * @param name the function, or the process for {@link Kind#PROCESS}; null where it is not known
 * @param dso the file that holds the function, as a path or a name in brackets such as {@code [vdso]}; empty for a process
 * @param kind what ran there
 */
public record StackFrame(@Nullable String name, String dso, Kind kind) {
    /** What runs in a frame. */
    public enum Kind {
        /** No code: the command's name, under which the stacks of its samples stand. */
        PROCESS,
        /** Code in user mode. */
        USER,
        /** Code in kernel mode. */
        KERNEL
    }

    // Written out: to link the methods that a record has by itself takes milliseconds in a virtual machine that has
    // just started.

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof StackFrame that
                && kind == that.kind
                && dso.equals(that.dso)
                && Objects.equals(name, that.name);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Objects.hashCode(name) + dso.hashCode()) + kind.hashCode();
    }

    /** The process called {@code comm}, as the outermost frame of its stacks. */
    public static StackFrame process(String comm) {
        return new StackFrame(comm, "", Kind.PROCESS);
    }

    /** The function's name; where it is not known, the file's name in brackets. */
    public String label() {
        if (name != null) {
            return name;
        }
        return dso.startsWith("[") ? dso : "[" + dsoName() + "]";
    }

    /** The file's name without its directories. */
    public String dsoName() {
        return dso.substring(dso.lastIndexOf('/') + 1);
    }
}
