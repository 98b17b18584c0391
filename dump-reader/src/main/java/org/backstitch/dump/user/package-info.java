/**
 * Processes that stand still: crashed ones in core files, stopped ones, single threads kept as snapshots.
 *
 * <p>Each of them is a {@link org.backstitch.dump.user.ProcessImage}: threads with their registers, an address space with the binaries
 * that are mapped in it, and memory. {@link org.backstitch.dump.user.CoreDump} reads one from a core file,
 * {@link org.backstitch.dump.user.LiveProcess} copies one that runs, and {@link org.backstitch.dump.user.Snapshot} reads a single thread
 * that {@link org.backstitch.dump.user.SnapshotWriter} has kept:
 *
 * {@snippet :
 * try (CoreDump core = CoreDump.open(Path.of("core"), CoreOptions.defaults())) {
 *     ProcessImage process = core.process();
 *     UserUnwinder unwinder = new UserUnwinder();
 *     Callchain chain = new Callchain();
 *     for (ThreadState thread : process.threads()) {
 *         process.unwind(thread, unwinder, chain);
 *         for (int i = 0; i < chain.size(); i++) {
 *             System.out.println(process.place(chain.lookupPc(i)));
 *         }
 *     }
 * }
 * }
 */
@NullMarked
package org.backstitch.dump.user;

import org.jspecify.annotations.NullMarked;
