package org.backstitch.recording;

import java.util.Map;
import java.util.Set;
import org.backstitch.perf.Anomalies;

/** What came of a recording, and what was out of order in it. */
public interface RecordingAccount {
    /** The account of what was processed. */
    RecordingSummary summary();

    /** What was wrong with the recording. */
    Anomalies anomalies();

    /** How many records the recording itself says were lost. */
    long lostRecords();

    /** Files that the stacks lead through and that were not found. */
    Set<String> missingFiles();

    /** Files that were found and not used, each with the reason: another build id than the recorded one, or damage. */
    Map<String, String> unusableFiles();
}
