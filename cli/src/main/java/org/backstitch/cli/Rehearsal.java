package org.backstitch.cli;

import java.util.List;

/**
 * Runs the commands that people run, once, for the virtual machine to learn from: the launcher does this after a build with
 * {@code -XX:AOTCacheOutput} (JEP 483, 514, 515), and every later start finds the classes linked and knows which methods are hot.
 */
final class Rehearsal {
    private static final List<List<String>> COMMAND_LINES = List.of(List.of("--version"));

    private Rehearsal() {}

    /** Runs all; ends with status 1 if any of them fails, so that nothing is learned from a mistake. */
    public static void main(String[] arguments) {
        for (List<String> line : COMMAND_LINES) {
            ExitStatus status = Main.run(line.toArray(String[]::new));
            if (status != ExitStatus.DONE) {
                System.exit(1);
            }
        }
    }
}
