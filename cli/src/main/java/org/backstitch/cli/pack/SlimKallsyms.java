package org.backstitch.cli.pack;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Set;

/**
 * A copy of {@code /proc/kallsyms} with only the lines that name given addresses, and those that mark where the kernel's text begins
 * and ends. An address is named by the nearest symbol at or below it, so what is nearest in the whole file is nearest in the copy.
 */
public final class SlimKallsyms {
    private static final Set<String> MARKS = Set.of("_text", "_stext", "_etext", "_sinittext", "_einittext", "_end");

    private SlimKallsyms() {}

    /**
     * Writes a slim copy.
     *
     * @param kallsyms the file: {@code ADDRESS TYPE NAME [MODULE]} a line
     * @param addresses the addresses to name
     * @param target the copy, which must not exist
     */
    public static void write(Path kallsyms, long[] addresses, Path target) throws IOException {
        long[] symbols;
        try (BufferedReader lines = reader(kallsyms)) {
            symbols = lines.lines().mapToLong(SlimKallsyms::sortable).sorted().toArray();
        }
        long[] kept = new long[addresses.length];
        for (int i = 0; i < addresses.length; i++) {
            int at = Arrays.binarySearch(symbols, addresses[i] ^ Long.MIN_VALUE);
            int nearest = at >= 0 ? at : -at - 2;
            kept[i] = nearest < 0 ? Long.MAX_VALUE : symbols[nearest];
        }
        Arrays.sort(kept);
        try (BufferedReader lines = reader(kallsyms);
                BufferedWriter out =
                        Files.newBufferedWriter(target, StandardCharsets.ISO_8859_1, StandardOpenOption.CREATE_NEW)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (Arrays.binarySearch(kept, sortable(line)) >= 0 || isMark(line)) {
                    out.write(line);
                    out.write('\n');
                }
            }
        }
    }

    private static BufferedReader reader(Path file) throws IOException {
        return Files.newBufferedReader(file, StandardCharsets.ISO_8859_1);
    }

    private static boolean isMark(String line) {
        return MARKS.contains(line.substring(line.lastIndexOf(' ') + 1));
    }

    /** The address of a line, with its sign turned so that signed order is the order of addresses; the greatest if there is none. */
    private static long sortable(String line) {
        int end = 0;
        while (end < line.length() && Character.digit(line.charAt(end), 16) >= 0) {
            end++;
        }
        if (end == 0 || end > 16) {
            return Long.MAX_VALUE;
        }
        return Long.parseUnsignedLong(line, 0, end, 16) ^ Long.MIN_VALUE;
    }
}
