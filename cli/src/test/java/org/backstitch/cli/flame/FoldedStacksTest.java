package org.backstitch.cli.flame;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.backstitch.cli.flame.StackFrame.Kind;
import org.backstitch.cli.output.Output;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class FoldedStacksTest {
    private final StackTree tree = new StackTree();
    private final StackTree.Adder adder = tree.adder();
    private final FrameTable frames = new FrameTable();

    private void add(long count, StackFrame... stack) {
        int[] numbers = new int[stack.length];
        for (int i = 0; i < stack.length; i++) {
            numbers[i] = frames.number(stack[i]);
        }
        adder.add(numbers, numbers.length, count);
    }

    private static StackFrame user(@Nullable String name, String dso) {
        return new StackFrame(name, dso, Kind.USER);
    }

    private static StackFrame kernel(@Nullable String name) {
        return new StackFrame(name, "[kernel.kallsyms]", Kind.KERNEL);
    }

    private static String folded(StackTree tree, FrameTable frames) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (Output output = Output.to(bytes, "test")) {
            FoldedStacks.write(tree, frames, output);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void linesAreSortedAndSayKernelAndFile() throws IOException {
        StackFrame comm = StackFrame.process("a.out");
        add(2, comm, user("main", "/tmp/a.out"), user("write", "/lib/libc.so.6"), kernel("ksys_write"));
        add(1, comm, user("main", "/tmp/a.out"));
        add(3, comm, user(null, "/lib/libc.so.6"), user(null, "[vdso]"), kernel(null));
        add(4, comm, user("Main", "/tmp/a.out"));
        assertEquals("""
                a.out;Main 4
                a.out;[libc.so.6];[vdso];[kernel.kallsyms]_[k] 3
                a.out;main 1
                a.out;main;write;ksys_write_[k] 2
                """, folded(tree, frames));
    }

    @Test
    void sameNamesInDifferentFilesAreOneLine() throws IOException {
        add(1, StackFrame.process("x"), user("init", "/lib/a.so"), user("f", "/lib/a.so"));
        add(2, StackFrame.process("x"), user("init", "/lib/b.so"), user("f", "/lib/a.so"));
        assertEquals("x;init;f 3\n", folded(tree, frames));
    }

    @Test
    void namesThatWouldBreakTheFormat() throws IOException {
        add(1, StackFrame.process("a b;c"), user("f(int; char)\n1 2", "/x"), user("π 🧵", "/x"));
        assertEquals("a b:c;f(int: char)\\x0a1 2;π 🧵 1\n", folded(tree, frames));
    }

    @Test
    void nothingAddedNothingWritten() throws IOException {
        assertEquals("", folded(tree, frames));
        add(5);
        assertEquals("", folded(tree, frames), "a stack without frames");
    }

    @Test
    void outputDoesNotDependOnTheOrderOfSamples() throws IOException {
        Random random = new Random(3);
        List<List<StackFrame>> samples = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            List<StackFrame> stack = new ArrayList<>(List.of(StackFrame.process("comm")));
            for (int depth = random.nextInt(100); depth >= 0; depth--) {
                stack.add(user("function-with-a-long-name-" + random.nextInt(3), "/lib/" + random.nextInt(2)));
            }
            samples.add(stack);
        }
        samples.forEach(stack -> add(1, stack.toArray(StackFrame[]::new)));
        String once = folded(tree, frames);
        FoldedStacksTest other = new FoldedStacksTest();
        Collections.shuffle(samples, random);
        samples.forEach(stack -> other.add(1, stack.toArray(StackFrame[]::new)));
        assertEquals(once, folded(other.tree, other.frames));
        List<String> lines = once.lines().toList();
        assertEquals(
                500,
                lines.stream()
                        .mapToInt(line -> Integer.parseInt(line.substring(line.lastIndexOf(' ') + 1)))
                        .sum());
        assertEquals(
                lines.size(),
                lines.stream()
                        .map(line -> line.substring(0, line.lastIndexOf(' ')))
                        .distinct()
                        .count());
    }
}
