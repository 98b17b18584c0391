package org.backstitch.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Threads of a running process and of its core, each kept and printed again: the same frames, byte for byte. */
@Timeout(180)
class SaveProcessSnapshotTest {
    /** A thread in each of: a deep recursion, a comparison of qsort, a signal handler, one on an alternate stack. */
    private static final String PROGRAM = """
            #define _GNU_SOURCE
            #include <pthread.h>
            #include <signal.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <unistd.h>
            static volatile int waiting;
            static void wait_for_ever(void) { __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST); for (;;) pause(); }
            static void handler(int signal) { wait_for_ever(); }
            static int compare(const void *a, const void *b) { wait_for_ever(); return 0; }
            __attribute__((noinline)) static int deep(int n) {
                if (n == 0) wait_for_ever();
                return n == 0 ? 0 : deep(n - 1) + 1;
            }
            static void *recurse(void *unused) { return (void *) (long) deep(60); }
            static void *sort(void *unused) { int x[] = {3, 1, 2}; qsort(x, 3, sizeof *x, compare); return 0; }
            static void *raise_here(void *unused) { raise(SIGUSR1); return 0; }
            static void *raise_elsewhere(void *unused) {
                stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
                sigaltstack(&stack, 0);
                raise(SIGUSR2);
                return 0;
            }
            int main(void) {
                struct sigaction action = {.sa_handler = handler};
                sigaction(SIGUSR1, &action, 0);
                action.sa_flags = SA_ONSTACK;
                sigaction(SIGUSR2, &action, 0);
                void *(*work[])(void *) = {recurse, sort, raise_here, raise_elsewhere};
                pthread_t thread;
                for (int i = 0; i < 4; i++) pthread_create(&thread, 0, work[i], 0);
                while (waiting < 4) usleep(1000);
                puts("ready");
                fflush(stdout);
                for (;;) pause();
            }
            """;

    @TempDir
    private Path directory;

    private final List<Process> started = new ArrayList<>();

    private String pid = "";

    private Process start(String... command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        started.add(process);
        return process;
    }

    private void complete(String... command) throws IOException, InterruptedException {
        Process process = start(command);
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
    }

    @BeforeEach
    void startProgram() throws IOException, InterruptedException {
        Path source = Files.writeString(directory.resolve("waits.c"), PROGRAM);
        String program = directory.resolve("waits").toString();
        complete("gcc", "-O1", "-pthread", "-o", program, source.toString());
        // A child of a shell, since one's own children cannot be held; the inner one says its id, then becomes the
        // program.
        BufferedReader reader = start("sh", "-c", "sh -c 'echo $$; exec \"$0\"' \"$0\" & wait", program)
                .inputReader();
        pid = String.valueOf(reader.readLine());
        assertEquals("ready", reader.readLine());
    }

    @AfterEach
    void end() throws InterruptedException {
        for (Process process : started) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
    }

    private List<String> threads() throws IOException {
        try (Stream<Path> tasks = Files.list(Path.of("/proc", pid, "task"))) {
            return tasks.map(task -> task.getFileName().toString()).sorted().toList();
        }
    }

    /** What a record says of its frames, and why they end. */
    private static String chain(String record) {
        return record.substring(record.indexOf("\"frames\":"));
    }

    private void keepAll(String command, String input) throws IOException {
        List<String> threads = threads();
        assertEquals(5, threads.size());
        for (String thread : threads) {
            String copy = directory.resolve(command + thread).toString();
            CommandRun saved = CommandRun.of(
                    command, input, "--thread", thread, "--registers", "--format=json", "--save-snapshot", copy);
            assertEquals(ExitStatus.DONE, saved.status(), saved.err());
            assertTrue(saved.err().contains("the same chain from there"), saved.err());
            assertTrue(saved.out().contains("\"user_stop\":\"end-of-stack\""), saved.out());
            CommandRun shown = CommandRun.of("snapshot", copy, "--registers", "--format=json");
            assertEquals(ExitStatus.DONE, shown.status(), shown.err());
            assertEquals("{\"pid\":null,\"tid\":null,\"comm\":null," + chain(saved.out()), shown.out());
        }
    }

    @Test
    void threadsThatRun() throws IOException {
        keepAll("pid", pid);
        CommandRun none = CommandRun.of("pid", pid, "--thread", "1");
        assertEquals(ExitStatus.UNUSABLE, none.status());
        assertEquals("backstitch: process " + pid + ": there is no thread 1 in it\n", none.err());
        String full = directory.toString();
        CommandRun refused = CommandRun.of("pid", pid, "--save-snapshot", full);
        assertEquals(ExitStatus.UNUSABLE, refused.status());
        assertEquals("backstitch: " + full + ": it exists already, and is not empty\n", refused.err());
        assertEquals("", refused.out(), "no thread is held in vain");
    }

    @Test
    void threadsOfACore() throws IOException, InterruptedException {
        complete("gcore", "-o", directory.resolve("core").toString(), pid);
        String core = directory.resolve("core." + pid).toString();
        keepAll("core", core);
        CommandRun none = CommandRun.of("core", core, "--thread", "1");
        assertEquals(ExitStatus.UNUSABLE, none.status());
        assertEquals("backstitch: " + core + ": there is no thread 1 in it\n", none.err());
        String file = directory.resolve("waits.c").toString();
        CommandRun refused = CommandRun.of("core", core, "--save-snapshot", file);
        assertEquals(ExitStatus.UNUSABLE, refused.status());
        assertEquals("backstitch: " + file + ": not a directory\n", refused.err());
        assertEquals("", refused.out());
    }
}
