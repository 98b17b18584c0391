package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import org.backstitch.dump.user.Snapshot;
import org.backstitch.dump.user.SnapshotWriter;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.UserUnwinder;

/** What is said of a snapshot that was kept. */
final class SavedSnapshots {
    private SavedSnapshots() {}

    /** Says what was kept, and whether a walk of it comes to the same end. */
    static void report(Path directory, SnapshotWriter.Saved saved, Session session) throws IOException {
        Callchain chain = new Callchain();
        try (Snapshot snapshot = Snapshot.open(directory)) {
            snapshot.process().unwind(snapshot.process().threads().getFirst(), new UserUnwinder(), chain);
        }
        boolean same = saved.chain().sameFramesAs(chain);
        session.say(String.format(
                Locale.ROOT,
                "%s: %,d frames (%s), %,d files, %,d bytes; %s",
                directory,
                saved.chain().size(),
                saved.chain().stop().label(),
                saved.files(),
                saved.bytes(),
                same ? "the same chain from there" : "ANOTHER CHAIN FROM THERE: please report it"));
    }
}
