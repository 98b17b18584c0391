package org.backstitch.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.capstone.CapstoneUnavailableException;
import org.backstitch.fixtures.BundledRecording;

/**
 * Runs the commands that people run, once, for the virtual machine to learn from: the launcher does this after a build with
 * {@code -XX:AOTCacheOutput} (JEP 483, 514, 515), and every later start finds the classes linked and knows which methods are hot.
 */
final class Rehearsal {
    private Rehearsal() {}

    /** What is rehearsed: on a recording, and on a file that every Java brings along. */
    private static List<List<String>> commandLines(BundledRecording recording) {
        String data = recording.data().toString();
        String symfs = "--symfs=" + recording.symfs();
        String vdso = "--vdso=" + recording.vdso();
        String page = "--output=" + recording.directory().resolve("flame.html");
        String injected = "--output=" + recording.directory().resolve("injected.data");
        String kept = recording.directory().resolve("kept").toString();
        String library =
                Path.of(System.getProperty("java.home"), "lib", "libjava.so").toString();
        List<List<String>> lines = new ArrayList<>(List.of(
                List.of("--version"),
                List.of("fold", symfs, vdso, data),
                List.of("script", symfs, vdso, data),
                List.of("script", "--format=json", symfs, vdso, data),
                List.of("flame", page),
                List.of("inject", symfs, vdso, injected, data),
                List.of("script", symfs, vdso, "--sample=1", "--save-snapshot=" + kept, data),
                List.of("snapshot", kept, "--registers"),
                List.of("snapshot", kept, "--registers", "--format=json"),
                List.of("tables", "--cfi", library),
                List.of("tables", "--compiled", library)));
        if (isCapstoneInstalled()) {
            lines.add(List.of("verify", library));
            lines.add(List.of("synthesize", library));
        }
        return lines;
    }

    private static boolean isCapstoneInstalled() {
        try (Capstone capstone = Capstone.open()) {
            return capstone.major() > 0;
        } catch (CapstoneUnavailableException e) {
            return false;
        }
    }

    /** Runs all; ends with status 1 if any of them fails, so that nothing is learned from a mistake. */
    public static void main(String[] arguments) throws IOException {
        ExitStatus status = ExitStatus.DONE;
        try (TemporaryDirectory directory = new TemporaryDirectory()) {
            // Long chains, so that what is hot in earnest is hot here.
            BundledRecording recording = BundledRecording.unpack("deep", directory.path());
            for (List<String> line : commandLines(recording)) {
                status = Main.run(line.toArray(String[]::new));
                if (status == ExitStatus.CONTRADICTION) {
                    status = ExitStatus.DONE; // what the tables of some Java are like is not the matter here
                }
                if (status != ExitStatus.DONE) {
                    System.err.println("this failed: " + line);
                    break;
                }
            }
        }
        if (status != ExitStatus.DONE) {
            System.exit(1);
        }
    }
}
