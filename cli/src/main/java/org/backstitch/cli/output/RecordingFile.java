package org.backstitch.cli.output;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfWriter;
import org.jspecify.annotations.Nullable;

/**
 * Where a recording is written to: a file that appears under its name only when it is complete, or, where there is no file to be put
 * into place (standard output, a named pipe, a device), a stream in pipe mode.
 *
 * <p>Until then the file has another name beside it; when the work fails or is interrupted, that is deleted.
 */
public final class RecordingFile implements AutoCloseable {
    private final Path target;
    private final @Nullable Path temporary;
    private final @Nullable OutputStream stream;
    private final Thread onInterrupt = new Thread(this::delete);

    /** Whether the stream is this one's own, to be closed. */
    private final boolean owned;

    private RecordingFile(Path target, @Nullable Path temporary, @Nullable OutputStream stream, boolean owned) {
        this.target = target;
        this.temporary = temporary;
        this.stream = stream;
        this.owned = owned;
        if (temporary != null) {
            Runtime.getRuntime().addShutdownHook(onInterrupt);
        }
    }

    /**
     * A place to write to.
     *
     * @param target {@code -} for standard output; a symbolic link stays one
     * @param standardOutput of the session
     */
    public static RecordingFile of(Path target, Output standardOutput) throws IOException {
        if (target.toString().equals("-")) {
            return new RecordingFile(target, null, standardOutput, false);
        }
        if (Files.exists(target) && !Files.isRegularFile(target)) {
            OutputStream stream = Output.to(Files.newOutputStream(target), target.toString());
            return new RecordingFile(target, null, stream, true);
        }
        Path real = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
        Path directory = real.getParent();
        if (directory == null || !Files.isDirectory(directory)) {
            throw new NoSuchFileException(target.toString());
        }
        Path temporary = Files.createTempFile(directory, "." + real.getFileName() + ".", ".part");
        return new RecordingFile(real, temporary, null, false);
    }

    /** The writer; to be closed before {@link #complete}. */
    public PerfWriter writer(List<PerfEvent> events) throws IOException {
        if (temporary != null) {
            return PerfWriter.create(temporary, events);
        }
        return PerfWriter.toPipe(stream == null ? OutputStream.nullOutputStream() : stream, events);
    }

    /** Puts the file into its place; all of it has been written. */
    public void complete() throws IOException {
        if (temporary != null) {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } else if (stream != null) {
            stream.flush();
        }
    }

    /** How many bytes were written, where that can be known; else what the caller knows. */
    public long size(long otherwise) throws IOException {
        return temporary == null ? otherwise : Files.size(target);
    }

    private void delete() {
        try {
            if (temporary != null) {
                Files.deleteIfExists(temporary);
            }
        } catch (IOException _) {
            // It is not under its name, and says itself that it is not finished.
        }
    }

    @Override
    public void close() throws IOException {
        if (temporary != null) {
            Runtime.getRuntime().removeShutdownHook(onInterrupt);
            delete();
        }
        if (stream != null && owned) {
            stream.close();
        }
    }
}
