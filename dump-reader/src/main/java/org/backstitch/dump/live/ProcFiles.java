package org.backstitch.dump.live;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What {@code /proc} says of a process and its threads (proc(5)). */
public final class ProcFiles {
    private ProcFiles() {}

    /** The directory of a process. */
    public static Path directory(int pid) {
        return Path.of("/proc", Integer.toString(pid));
    }

    private static Path directory(int pid, int tid) {
        return directory(pid).resolve("task").resolve(Integer.toString(tid));
    }

    /** A file that the kernel makes as it is read. */
    public static byte[] read(Path file) throws IOException {
        return Files.readAllBytes(file);
    }

    /** What a thread is called; empty if it has ended. */
    static String comm(int pid, int tid) {
        try {
            byte[] line = read(directory(pid, tid).resolve("comm"));
            return new String(line, StandardCharsets.UTF_8).stripTrailing();
        } catch (IOException e) {
            return ""; // it has ended, and what is known of it is what was copied
        }
    }

    /** Whether a thread has ended: it is gone, or waits to be. */
    static boolean hasEnded(int pid, int tid) {
        String state = field(directory(pid, tid).resolve("status"), "State:");
        return state.isEmpty() || state.startsWith("Z") || state.startsWith("X");
    }

    /** Whether a thread could run, if only it were given a processor. */
    static boolean wantsProcessor(int pid, int tid) {
        return field(directory(pid, tid).resolve("status"), "State:").startsWith("R");
    }

    /** Who traces a thread; 0 if nobody does. */
    static int tracer(int pid, int tid) {
        String tracer = field(directory(pid, tid).resolve("status"), "TracerPid:");
        return tracer.matches("[0-9]{1,9}") ? Integer.parseInt(tracer) : 0;
    }

    /**
     * A field of a file {@code status}.
     *
     * @param name with its colon
     * @return empty if there is none, or no such thread any more
     */
    public static String field(Path status, String name) {
        try {
            for (String line :
                    new String(read(status), StandardCharsets.UTF_8).lines().toList()) {
                if (line.startsWith(name)) {
                    return line.substring(name.length()).strip();
                }
            }
        } catch (IOException e) {
            return ""; // it has ended meanwhile, which is an answer
        }
        return "";
    }
}
