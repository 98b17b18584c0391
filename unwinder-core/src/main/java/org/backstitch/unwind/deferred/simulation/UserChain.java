package org.backstitch.unwind.deferred.simulation;

/**
 * A user callchain, and of what: the task, how many instructions it had executed, how often its registers had been rewritten.
 *
 * @param pcs the callchain, innermost first
 * @param complete whether it reaches the outermost frame
 */
record UserChain(int task, long executed, int rewritten, Addresses pcs, boolean complete) {}
