/**
 * The simulated kernel: the machine on which the protocol of deferred unwinding is played, step by step, and its outcome proved.
 *
 * <p>{@link org.backstitch.unwind.deferred.simulation.DeferredKernel} is a deterministic machine of CPUs and tasks. Tasks run real
 * machine code of a small program on simulated registers and stacks, whose pages may be absent; the kernel's side of every system
 * call, interrupt, signal, fork, exec and exit is a sequence of steps, and a non-maskable interrupt may fall between any two of them.
 * What happens when is up to a list of {@linkplain org.backstitch.unwind.deferred.simulation.Action actions}: the same list gives the
 * same run, byte for byte.
 *
 * <p>How samples get their user callchains is a {@linkplain org.backstitch.unwind.deferred.simulation.Protocol protocol}: the
 * proposal of 2017, the kernel of today, or the old way that this was to replace. Callchains come from the real unwinders, by real
 * call frame information. An oracle, which follows the program instead of its stack, knows for each sample what the true callchain is.
 */
@NullMarked
package org.backstitch.unwind.deferred.simulation;

import org.jspecify.annotations.NullMarked;
