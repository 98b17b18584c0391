package org.backstitch.cli;

import java.nio.file.Path;
import java.util.List;

/**
 * Runs the commands that people run, once, for the virtual machine to learn from: the launcher does this after a build with
 * {@code -XX:AOTCacheOutput} (JEP 483, 514, 515), and every later start finds the classes linked and knows which methods are hot.
 */
final class Rehearsal {
    private Rehearsal() {}

    /** What is rehearsed, on files that every Java brings along. */
    private static List<List<String>> commandLines() {
        String library =
                Path.of(System.getProperty("java.home"), "lib", "libjava.so").toString();
        return List.of(
                List.of("--version"), List.of("tables", "--cfi", library), List.of("tables", "--compiled", library));
    }

    /** Runs all; ends with status 1 if any of them fails, so that nothing is learned from a mistake. */
    public static void main(String[] arguments) {
        for (List<String> line : commandLines()) {
            ExitStatus status = Main.run(line.toArray(String[]::new));
            if (status != ExitStatus.DONE) {
                System.exit(1);
            }
        }
    }
}
