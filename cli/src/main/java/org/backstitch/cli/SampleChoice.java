package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.backstitch.dump.user.SnapshotWriter;
import org.backstitch.recording.Recording;
import org.backstitch.recording.ResolvedSample;

/**
 * One sample of a recording, as a person names it: by its number in the output, or by its time and perhaps its thread.
 *
 * @param number counted from 1 in the order of the output; 0 where the time decides
 * @param time in nanoseconds; only without a number
 * @param tid the thread; {@link ResolvedSample#UNKNOWN} for any
 * @param text what was typed
 */
record SampleChoice(long number, long time, long tid, String text) {
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");
    private static final Pattern TIME = Pattern.compile("(?:([0-9]{1,10}):)?([0-9]{1,9})\\.([0-9]{9})");
    private static final long SECOND = 1_000_000_000;

    /**
     * Reads what was typed.
     *
     * @throws UsageException if it is neither a number nor a time
     */
    static SampleChoice parse(String text) {
        Matcher time = TIME.matcher(text);
        if (time.matches()) {
            long tid = time.group(1) == null ? ResolvedSample.UNKNOWN : Long.parseLong(time.group(1));
            long nanoseconds = Long.parseLong(time.group(2)) * SECOND + Long.parseLong(time.group(3));
            return new SampleChoice(0, nanoseconds, tid, text);
        }
        if (NUMBER.matcher(text).matches() && Long.parseLong(text) > 0) {
            return new SampleChoice(Long.parseLong(text), 0, ResolvedSample.UNKNOWN, text);
        }
        throw new UsageException("option '--sample' needs a number from 1 on, or a time as script prints it, as in"
                + " 12.000345678 or 4711:12.000345678: not '" + text + "'");
    }

    private boolean matches(ResolvedSample sample, long ordinal) {
        return number != 0
                ? ordinal == number
                : sample.time() == time && (tid == ResolvedSample.UNKNOWN || sample.tid() == tid);
    }

    /**
     * Prints the sample, and keeps its stack if that is wanted.
     *
     * @param source what the recording is read from, for messages
     * @throws UsageException if there are several such samples
     * @throws UnusableInputException if there is none, or its stack was not recorded
     */
    void print(
            Recording recording,
            String source,
            ScriptCommand.SampleWriter writer,
            Optional<Path> directory,
            Session session)
            throws IOException {
        long[] seen = {0, 0};
        recording.forEach(sample -> {
            if (!matches(sample, ++seen[0])) {
                return;
            }
            if (++seen[1] > 1) {
                throw new UsageException("several samples have that time: put the thread's number in front, as in "
                        + sample.tid() + ":" + text);
            }
            writer.write(sample, session.out());
            if (directory.isPresent()) {
                save(recording, source, sample, directory.get(), session);
            }
        });
        if (seen[1] == 0) {
            throw new UnusableInputException(source, "there is no sample " + text + " among the " + seen[0]);
        }
    }

    private void save(Recording recording, String source, ResolvedSample sample, Path directory, Session session)
            throws IOException {
        boolean recorded = recording.giveStack(sample, (space, registers, dump) -> {
            SnapshotWriter.Saved saved = SnapshotWriter.write(directory, space, registers, dump, recording::debugFile);
            SavedSnapshots.report(directory, saved, session);
        });
        if (!recorded) {
            throw new UnusableInputException(
                    source, "the stack of sample " + text + " was not recorded, so there is nothing to unwind");
        }
    }
}
