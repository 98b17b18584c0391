package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the launcher tells the virtual machine's compilers about methods: a name that no method has they would pass over without a word. */
class CompileCommandsTest {
    private static final Pattern COMMAND = Pattern.compile("dontinline ([\\w.]+)::(\\w+|\\*)");

    @ParameterizedTest
    @ValueSource(strings = {"compile-commands", "compile-commands-first"})
    void everyMethodIsThere(String file) throws IOException, ClassNotFoundException {
        List<String> lines = Files.readAllLines(Path.of("../tools").resolve(file));
        assertEquals("quiet", lines.getFirst());
        assertTrue(lines.size() > 1, "there are commands");
        for (String line : lines.subList(1, lines.size())) {
            assertTrue(namesMethod(line), line);
        }
    }

    private static boolean namesMethod(String line) throws ClassNotFoundException {
        Matcher command = COMMAND.matcher(line);
        assertTrue(command.matches(), line);
        Class<?> owner = Class.forName(command.group(1), false, CompileCommandsTest.class.getClassLoader());
        String name = command.group(2);
        return Arrays.stream(owner.getDeclaredMethods())
                .anyMatch(method -> name.equals("*") || method.getName().equals(name));
    }
}
