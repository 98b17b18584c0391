package org.backstitch.recording;

import org.backstitch.perf.SampleId;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;

/**
 * An entry to the kernel that may have more samples, and the user part that they share.
 *
 * @param number that of {@link EntryOrder}
 * @param pid the process
 * @param tid the task
 * @param cookie its name in the file that is written
 * @param chain the words of the user part, its marker first
 * @param stop why that ends; {@link StopReason#NONE} if there is none
 * @param deferral what became of the request, where the kernel was asked for it
 * @param id of the sample that began it
 */
@SuppressWarnings("ArrayRecordComponent") // Never changed, never compared.
record OpenEntry(
        long number, int pid, int tid, long cookie, long[] chain, StopReason stop, Deferral deferral, SampleId id) {}
