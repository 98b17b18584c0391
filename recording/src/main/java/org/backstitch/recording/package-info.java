/**
 * From a perf.data recording to complete callchains with names: the histories of its processes, its samples in the order of time, any
 * number of workers.
 *
 * <p>{@link org.backstitch.recording.Recording} is the way in.
 */
@NullMarked
package org.backstitch.recording;

import org.jspecify.annotations.NullMarked;
