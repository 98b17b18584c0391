package org.backstitch.unwind;

import org.backstitch.unwind.table.UnwindRule;

/** The unwind rules of a kernel's text, by address as mapped: of its image, its modules, and code that was generated at run time. */
@FunctionalInterface
public interface KernelRules {
    /**
     * The {@link UnwindRule} word for an instruction, or {@link UnwindRule#NONE}.
     *
     * @param pc of the instruction itself: for a caller the address before its return address
     */
    long rule(long pc);
}
