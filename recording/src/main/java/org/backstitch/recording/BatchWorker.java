package org.backstitch.recording;

import java.io.IOException;

/**
 * What a user of {@link Recording#process} does with samples: one for each thread.
 *
 * @param <R> what comes of a batch of samples
 */
public interface BatchWorker<R> {
    /** Takes the next sample of the batch; it is only good until this returns. */
    void sample(ResolvedSample sample) throws IOException;

    /** Ends the batch: what came of it. */
    R finishBatch() throws IOException;
}
