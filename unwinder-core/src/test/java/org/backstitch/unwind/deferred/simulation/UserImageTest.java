package org.backstitch.unwind.deferred.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The simulated program is a real file: binutils must see in it what the machine executes. */
class UserImageTest {
    @TempDir
    private Path directory = Path.of("");

    private final UserImage image = new UserImage();

    private String run(String... command) throws IOException, InterruptedException {
        Path file = directory.resolve("program");
        Files.write(file, image.file());
        List<String> words = new ArrayList<>(List.of(command));
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/" + words.getFirst())), words.getFirst() + " is not installed");
        words.add(file.toString());
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        return output;
    }

    /** The Javadoc of each operation is what an assembler would be given; the disassembler must read the same. */
    @Test
    void objdumpReadsTheInstructionsThatTheMachineExecutes() throws IOException, InterruptedException {
        Matcher line = Pattern.compile("^ +([0-9a-f]+):\t[0-9a-f ]+\t(\\S+) *(.*)$", Pattern.MULTILINE)
                .matcher(run("objdump", "-d"));
        int seen = 0;
        while (line.find()) {
            Instruction instruction = image.instruction(Long.parseLong(line.group(1), 16));
            String operands = line.group(3).replaceAll("\\s*<.*>|\\s*#.*", "");
            String expected = switch (instruction.operation()) {
                case PUSH_RBP -> "push %rbp";
                case PUSH_RBX -> "push %rbx";
                case PUSH_R10 -> "push %r10";
                case PUSH_AT_R10 -> "push -0x8(%r10)";
                case POP_RBP -> "pop %rbp";
                case POP_RBX -> "pop %rbx";
                case POP_R10 -> "pop %r10";
                case MOV_RBP_RSP -> "mov %rsp,%rbp";
                case MOV_EBP_IMM -> "mov $0x%x,%%ebp".formatted(instruction.operand());
                case LEA_R10_RSP8 -> "lea 0x8(%rsp),%r10";
                case AND_RSP_32 -> "and $0xffffffffffffffe0,%rsp";
                case LEA_RSP_R10 -> "lea -0x8(%r10),%rsp";
                case SUB_RSP -> "sub $0x%x,%%rsp".formatted(instruction.operand());
                case ADD_RSP -> "add $0x%x,%%rsp".formatted(instruction.operand());
                case LEAVE -> "leave";
                case RET -> "ret";
                case JMP_RCX -> "jmp *%rcx";
                case JMP_BACK -> "jmp %x".formatted(instruction.end() + instruction.operand());
                case CALL_RAX -> "call *%rax";
                case STORE -> "mov %rbx,-0x8(%rsp)";
                case MOV_EAX_SIGRETURN -> "mov $0xf,%eax";
                case SYSCALL -> "syscall";
                case NOP -> "nop";
            };
            assertEquals(expected, (line.group(2) + " " + operands).strip());
            seen++;
        }
        assertTrue(seen > 100, "only " + seen + " instructions");
    }

    @Test
    void readelfFindsACallFrameDescriptionAndASymbolForEachFunction() throws IOException, InterruptedException {
        String frames = run("readelf", "-wF");
        String symbols = run("readelf", "-sW");
        for (UserImage.Shape shape : UserImage.Shape.values()) {
            UserImage.Function function = image.function(shape);
            assertTrue(
                    Pattern.compile("%016x +%d FUNC +GLOBAL DEFAULT +1 %s"
                                    .formatted(function.start(), function.end() - function.start(), shape.symbol()))
                            .matcher(symbols)
                            .find(),
                    () -> shape + " in " + symbols);
            int start = shape == UserImage.Shape.RESTORER ? function.start() - 1 : function.start();
            assertTrue(frames.contains("pc=%016x..%016x".formatted(start, function.end())), () -> shape + frames);
        }
        // The realigned frame: a CFA that is loaded, and RBP where RBP points to, as GCC describes it.
        assertTrue(Pattern.compile("exp +exp +c-8").matcher(frames).find(), frames);
        assertTrue(frames.contains("\"zRS\""), frames);
    }

    @Test
    void anUnwinderThatWantsAnAbsentPageSeesNothingAndIsRemembered() {
        UserMemory memory = new UserMemory(0x10000, 0x20000);
        memory.store(0x11008, 42);
        memory.evict(0x11008);
        UserMemory.Window window = memory.window();
        assertTrue(window.isReadable(0x12000, 8));
        assertEquals(0, window.missed());
        assertTrue(!window.isReadable(0x11008, 8) && !window.isReadable(0x20000, 8) && !window.isReadable(0x12001, 8));
        assertEquals(0x11008, window.missed());
        assertThrows(IllegalArgumentException.class, () -> window.readLong(0x11008));
        memory.bringIn(0x11008);
        assertEquals(42, memory.window().readLong(0x11008));
        memory.evict(0x11008);
        assertEquals(42, memory.load(0x11008));
        assertTrue(memory.window().isReadable(0x11008, 8));
    }

    @Test
    void aFaultInAnInterruptIsAFailure() {
        SimulatedSystem system = new SimulatedSystem();
        DeferredKernel kernel = new DeferredKernel(
                system, MachineConfig.of(Protocol.MAINLINE, 1, List.of(List.of(new UserAction.Work()))));
        Task task = new Task(0, 100, "task", new UserContext(system.image(), 0, List.of()), new KernelStackMemory());
        assertThrows(IllegalStateException.class, () -> kernel.sampling().unwindInInterrupt(task, 10));
        kernel.sampling().inInterrupt(() -> {
            assertThrows(IllegalStateException.class, () -> kernel.sampling().unwindWithFaults(task, 10));
            assertThrows(IllegalStateException.class, () -> kernel.sampling().unwindWithoutFaults(task));
            assertEquals(1, kernel.sampling().unwindInInterrupt(task, 10).pcs().size());
        });
    }
}
