/**
 * Runs of the simulated kernel as files: {@link org.backstitch.cli.simulate.RecordingWriter} writes the perf.data that such a kernel
 * would write, {@link org.backstitch.cli.simulate.OracleWriter} the truth beside it,
 * {@link org.backstitch.cli.simulate.ProtocolTable} a table that compares the protocols.
 */
@NullMarked
package org.backstitch.cli.simulate;

import org.jspecify.annotations.NullMarked;
