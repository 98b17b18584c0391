/**
 * Deferred user callchains: the join of samples with callchains that came later, and the machine on which the protocol is proved.
 *
 * <p>A sampling interrupt must not fault, so it takes the kernel's part of a callchain and asks for the user's part; that part is
 * unwound when the task returns to user mode, where faults are allowed and where the user registers are still those of the entry to
 * the kernel. One late callchain serves every sample of that stay in the kernel. The words used here:
 *
 * <ul>
 *   <li><i>request</i>: a sample asks for a user callchain;
 *   <li><i>entry</i>: one stay of a task in the kernel, from user mode until the return to it;
 *   <li><i>cookie</i>: a number that names the entry (Linux 6.19 and later: {@code counter << 32 | cpu + 1});
 *   <li><i>record</i>: the deferred callchain, {@code PERF_RECORD_CALLCHAIN_DEFERRED};
 *   <li><i>stitch</i>: to put the record's callchain behind the sample's own.
 * </ul>
 *
 * <p>Two classes join samples and records, for two ways to read. A reader that has a whole file passes over it once, hands every
 * record to a {@link org.backstitch.unwind.deferred.DeferredIndex.Builder}, and then asks the immutable
 * {@link org.backstitch.unwind.deferred.DeferredIndex} for each sample, in any order, from any thread: no sample ever waits. A reader
 * that sees each thing once, as it happens, uses a {@link org.backstitch.unwind.deferred.Stitcher}, which holds samples back until
 * nothing can come before them any more, within a stated bound. Neither knows perf.data: callchains and samples are handles.
 */
@NullMarked
package org.backstitch.unwind.deferred;

import org.jspecify.annotations.NullMarked;
