package org.backstitch.unwind;

/**
 * Where tracers have replaced return addresses on kernel stacks by trampolines of theirs, and what stood there before: the function
 * graph tracer ({@code ftrace_graph_ret_addr}), kretprobes and rethooks ({@code rethook_find_ret_addr}).
 */
@FunctionalInterface
public interface ReturnHooks {
    /** No tracer is at work: return addresses are as they lie on the stack. */
    ReturnHooks NONE = (returnAddress, slot) -> returnAddress;

    /**
     * The return address that a call pushed.
     *
     * @param returnAddress the one that lies on the stack now
     * @param slot where it lies
     * @return {@code returnAddress} itself unless it is a trampoline for which the original is known
     */
    long original(long returnAddress, long slot);
}
