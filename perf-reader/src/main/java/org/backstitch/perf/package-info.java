/**
 * perf.data: what {@code perf record} writes, read in place, and written.
 *
 * <p>{@link org.backstitch.perf.PerfFile} opens a recording, whatever its form: file or pipe mode, compressed or not, one file or
 * those of several threads. It knows the {@link org.backstitch.perf.PerfEvent}s that were recorded, with their attributes, and what
 * the recording says about its machine ({@link org.backstitch.perf.PerfFeatures}).
 *
 * <p>Behind that lie the records, a flat sequence of them. {@link org.backstitch.perf.RecordCursor} walks over it and tells of each its
 * place, type, size, event and time, and nothing more: that costs some nanoseconds a record, however large it is. The few records that
 * describe processes and mappings are then decoded, one by one, into {@link org.backstitch.perf.PerfRecord}s; the many samples are read
 * through a {@link org.backstitch.perf.SampleCursor}, which is put on a sample's place and allocates nothing.
 *
 * {@snippet :
 * try (PerfFile file = PerfFile.open(Path.of("perf.data"))) {
 *     SampleCursor sample = file.samples();
 *     for (RecordCursor record = file.records(); record.next(); ) {
 *         if (!record.isSample()) {
 *             switch (file.record(record.offset())) {
 *                 case PerfRecord.Comm comm -> System.out.println(comm.pid() + " is " + comm.comm());
 *                 case PerfRecord.Mmap2 map -> System.out.println(map.pid() + " maps " + map.fileName());
 *                 default -> {}
 *             }
 *         } else if (sample.moveTo(record.offset())) {
 *             System.out.println(sample.tid() + " at " + Long.toHexString(sample.ip()) + ", " + sample.stackSize());
 *         }
 *     }
 * }
 * }
 *
 * <p>Records are in the order of the file, which is that of time only within what one CPU wrote. Between a
 * {@link org.backstitch.perf.RecordType#FINISHED_ROUND} and the one after the next, any order is possible.
 *
 * <p>Recordings are damaged, cut and unfinished in practice. What is readable is read; what is not is counted in
 * {@link org.backstitch.perf.Anomalies}. A {@link org.backstitch.bytes.MalformedInputException} comes out of {@code open} if nothing
 * can be read, and out of the decoding of a single record that is too short for what it should hold.
 *
 * <p>{@link org.backstitch.perf.PerfWriter} writes recordings that perf reads: copies with other callchains, or made from nothing.
 *
 * <p>The format is described in tools/perf/Documentation/perf.data-file-format.txt and include/uapi/linux/perf_event.h of the Linux
 * sources; this library knows what is in them up to Linux 7.2. Only recordings of little-endian machines are read, and registers have
 * the numbers of x86.
 */
@NullMarked
package org.backstitch.perf;

import org.jspecify.annotations.NullMarked;
