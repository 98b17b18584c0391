package org.backstitch.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.backstitch.fixtures.BundledRecording;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README shows of the library compiles, and does what it says. */
class ReadmeTest {
    private static final Pattern EXAMPLE = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

    @TempDir
    private Path directory;

    @Test
    void theExamplesAreTrue() throws IOException, ReflectiveOperationException {
        List<String> examples = EXAMPLE.matcher(Files.readString(readme()))
                .results()
                .map(example -> example.group(1))
                .toList();
        assertEquals(2, examples.size());
        BundledRecording bundled = BundledRecording.unpack(BundledRecording.DEMO, directory);
        String recording = examples.getFirst()
                .replace("perf.data", bundled.data().toString())
                .replace(".defaults()", ".defaults().withSymfs(Path.of(\"" + bundled.symfs() + "\"))");
        Path source = directory.resolve("Examples.java");
        Files.writeString(source, """
                import java.io.*;
                import java.lang.foreign.*;
                import java.nio.file.*;
                import java.util.*;
                import org.backstitch.elf.*;
                import org.backstitch.recording.*;
                import org.backstitch.unwind.*;
                import org.backstitch.unwind.machine.*;

                public class Examples {
                    public static void recording() throws IOException {
                        %s
                    }

                    public static void stack(Arena arena, MemorySegment bytes, long start, long end, long fileOffset,
                            long rip, long rsp, long rbp) throws IOException {
                        %s
                    }
                }
                """.formatted(recording, examples.getLast()));
        ByteArrayOutputStream messages = new ByteArrayOutputStream();
        int status = ToolProvider.getSystemJavaCompiler()
                .run(
                        null,
                        messages,
                        messages,
                        "-proc:none",
                        "-classpath",
                        System.getProperty("java.class.path"),
                        "-d",
                        directory.toString(),
                        source.toString());
        assertEquals(0, status, messages.toString(StandardCharsets.UTF_8));

        String printed = run();
        Matcher mains = Pattern.compile("(?m)^  [0-9a-f]+ __libc_start_main \\(.*libc\\.so\\.6\\)$")
                .matcher(printed);
        assertTrue(mains.results().count() > 500, printed.substring(0, 500));
        assertEquals(
                1051,
                Pattern.compile("(?m)^ls \\d+$").matcher(printed).results().count());
    }

    private String run() throws IOException, ReflectiveOperationException {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream before = System.out;
        try (URLClassLoader loader =
                        new URLClassLoader(new URL[] {directory.toUri().toURL()});
                PrintStream out = new PrintStream(printed, false, StandardCharsets.UTF_8)) {
            System.setOut(out);
            loader.loadClass("Examples").getMethod("recording").invoke(null);
        } finally {
            System.setOut(before);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }

    private static Path readme() {
        Path place = Path.of("").toAbsolutePath();
        while (!Files.exists(place.resolve("LICENSE"))) {
            place = Objects.requireNonNull(place.getParent(), "not within the source tree");
        }
        return place.resolve("README.md");
    }
}
