package org.backstitch.cli;

/** How a run of the command ended, as the shell sees it. */
public enum ExitStatus {
    /** Done. Anomalies inside the data are counted in the summary, they do not change the status. */
    DONE(0),
    /** An input could not be used (or the output not written): one line on standard error says why. */
    UNUSABLE(1),
    /** The command line makes no sense. */
    USAGE(2),
    /** {@code verify} found unwind information that contradicts the code; the findings are on standard output. */
    CONTRADICTION(3);

    private final int code;

    ExitStatus(int code) {
        this.code = code;
    }

    /** The process's exit code: 0 to 3. */
    public int code() {
        return code;
    }
}
