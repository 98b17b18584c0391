package org.backstitch.elf.orc;

import java.util.Comparator;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The first two numbers of a kernel release, as {@code uname -r} shows it: {@code 6.1} of {@code 6.1.0-56-amd64}.
 *
 * @param major 0 to 999
 * @param minor 0 to 999
 */
public record KernelRelease(int major, int minor) implements Comparable<KernelRelease> {
    private static final Pattern RELEASE =
            Pattern.compile("(\\d{1,3})\\.(\\d{1,3})(?:[.\\-+ ].*|rc.*)?", Pattern.DOTALL);

    /** The release that a text starts with; empty if it starts with none. */
    public static Optional<KernelRelease> parse(String text) {
        Matcher matcher = RELEASE.matcher(text);
        return matcher.matches()
                ? Optional.of(new KernelRelease(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2))))
                : Optional.empty();
    }

    @Override
    public int compareTo(KernelRelease other) {
        return Comparator.comparingInt(KernelRelease::major)
                .thenComparingInt(KernelRelease::minor)
                .compare(this, other);
    }

    @Override
    public String toString() {
        return major + "." + minor;
    }
}
