package org.backstitch.recording;

/**
 * What was saved by an injection.
 *
 * @param stacks how many samples held registers and stack bytes
 * @param avoided how many of them needed no unwind, since an earlier sample of the same entry to the kernel had been unwound
 * @param lateRecords how many late callchains were written
 * @param bytes how many bytes were written before the features, which follow at the end of a file
 * @param cut how many samples hold fewer frames than were wanted, because a record has no room for more
 */
public record InjectionSummary(long stacks, long avoided, long lateRecords, long bytes, long cut) {}
