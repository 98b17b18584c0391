package org.backstitch.dump.user;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.backstitch.dump.live.HoldException;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Running programs: those that sleep against gdb, those that do not against what must hold. */
@Timeout(120)
class LiveProcessTest {
    /** Twelve threads in as many kinds of waits, one of them in a handler on an alternate stack, and one that is busy. */
    private static final String PROGRAM = """
            #define _GNU_SOURCE
            #include <pthread.h>
            #include <signal.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <unistd.h>
            static pthread_mutex_t locked = PTHREAD_MUTEX_INITIALIZER;
            static volatile long spins;
            static _Atomic int waiting;
            static void handler(int signal) { waiting++; sleep(1000); }
            static void *wait_for_lock(void *unused) { waiting++; pthread_mutex_lock(&locked); return 0; }
            static void *wait_in_handler(void *unused) {
                stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
                struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
                sigaltstack(&stack, 0);
                sigaction(SIGUSR1, &action, 0);
                raise(SIGUSR1);
                return 0;
            }
            static void *busy(void *unused) { for (;;) spins++; }
            __attribute__((noinline)) static int deep(int n) {
                if (n == 0) { puts("ready"); fflush(stdout); sleep(1000); }
                return n == 0 ? 0 : deep(n - 1) + 1;
            }
            int main(int argc, char **argv) {
                pthread_t thread;
                pthread_mutex_lock(&locked);
                for (int i = 0; i < 10; i++) pthread_create(&thread, 0, wait_for_lock, 0);
                pthread_create(&thread, 0, wait_in_handler, 0);
                if (argc > 1) pthread_create(&thread, 0, busy, 0);
                while (waiting < 11) usleep(1000);
                usleep(100000);
                return deep(50);
            }
            """;

    @TempDir
    private Path directory;

    private final List<Process> started = new ArrayList<>();

    @AfterEach
    void end() throws InterruptedException {
        for (Process process : started) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
    }

    /** A thread for each argument, which waits for a vfork child for so many milliseconds: the kernel lets nobody stop it meanwhile. */
    private static final String FORKING = """
            #define _GNU_SOURCE
            #include <pthread.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <unistd.h>
            static void *fork_and_wait(void *milliseconds) {
                if (vfork() == 0) { usleep((long) milliseconds * 1000); _exit(0); }
                for (;;) pause();
            }
            int main(int argc, char **argv) {
                pthread_t thread;
                for (int i = 1; i < argc; i++) pthread_create(&thread, 0, fork_and_wait, (void *) atol(argv[i]));
                puts("ready"); fflush(stdout);
                for (;;) pause();
            }
            """;

    private int start(String... arguments) throws IOException, InterruptedException {
        return startProgram(PROGRAM, arguments);
    }

    private int startProgram(String text, String... arguments) throws IOException, InterruptedException {
        Path source = directory.resolve("waiting.c");
        Path program = directory.resolve("waiting");
        Files.writeString(source, text);
        Process gcc = new ProcessBuilder("gcc", "-w", "-O1", "-pthread", "-o", program.toString(), source.toString())
                .inheritIO()
                .start();
        assertEquals(0, gcc.waitFor());
        // A child of a shell, since one's own children cannot be held; the inner one says its id, then becomes the
        // program.
        String script = "sh -c 'echo $$; exec \"$0\" \"$@\"' \"$0\" \"$@\" & wait";
        List<String> command = new ArrayList<>(List.of("sh", "-c", script, program.toString()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).start();
        started.add(process);
        BufferedReader output = process.inputReader();
        int pid = Integer.parseInt(output.readLine());
        assertEquals("ready", output.readLine());
        awaitState(pid, pid, 'S');
        return pid;
    }

    private static void awaitState(int pid, int tid, char state) throws IOException, InterruptedException {
        while (!status(pid, tid, "State:").startsWith("State:\t" + state)) {
            Thread.sleep(1);
        }
    }

    private static List<List<String>> copy(int pid) throws IOException {
        List<List<String>> chains = new ArrayList<>();
        Callchain chain = new Callchain().recordRegisters(true);
        try (LiveProcess live = LiveProcess.copy(pid, LiveProcess.DEFAULT_STACK)) {
            assertEquals(Map.of(), live.notHeld());
            assertEquals(Set.of(), live.missingFiles());
            for (ThreadState thread : live.process().threads()) {
                live.process().unwind(thread, new UserUnwinder(), chain);
                assertEquals(StopReason.END_OF_STACK, chain.stop(), chain.toString());
                assertTrue(thread.stopped().getAsLong() > 0);
                List<String> lines = new ArrayList<>();
                GdbFrames.of(chain).forEach(line -> lines.add(thread.tid() + "\t" + line));
                chains.add(lines);
            }
        }
        return chains;
    }

    private static String status(int pid, int tid, String field) throws IOException {
        Path file = Path.of("/proc/" + pid + "/task/" + tid + "/status");
        return Files.readAllLines(file).stream()
                .filter(line -> line.startsWith(field))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void sleepingThreadsAreWhatGdbSees() throws IOException, InterruptedException {
        int pid = start();
        List<String> ours = copy(pid).stream().flatMap(List::stream).sorted().toList();
        Path script = directory.resolve("gdb-frames.py");
        Path frames = directory.resolve("frames.tsv");
        Files.copy(Path.of("../fixtures/src/main/scripts/gdb-frames.py"), script);
        ProcessBuilder gdb =
                new ProcessBuilder("gdb", "-nx", "-batch", "-p", Integer.toString(pid), "-ex", "source " + script);
        gdb.environment().put("OUT", frames.toString());
        gdb.redirectErrorStream(true)
                .redirectOutput(directory.resolve("gdb.log").toFile());
        assertEquals(0, gdb.start().waitFor());
        List<String> golden = Files.readAllLines(frames).stream().sorted().toList();
        assertTrue(golden.size() > 100, Files.readString(directory.resolve("gdb.log")));
        assertEquals(
                List.of(), golden.stream().filter(line -> !ours.contains(line)).toList(), "what only gdb has");
        assertEquals(golden, ours);
    }

    @Test
    void everyThreadGoesOn() throws IOException, InterruptedException {
        int pid = start("busy");
        for (int i = 0; i < 5; i++) {
            List<List<String>> chains = copy(pid);
            assertEquals(13, chains.size());
            for (List<String> chain : chains) {
                int tid = Integer.parseInt(
                        chain.getFirst().substring(0, chain.getFirst().indexOf('\t')));
                assertTrue(status(pid, tid, "State:").matches("State:\t[SR].*"), status(pid, tid, "State:"));
                assertEquals("TracerPid:\t0", status(pid, tid, "TracerPid:"));
            }
        }
    }

    @Test
    void aProcessThatWasStoppedStaysStopped() throws IOException, InterruptedException {
        int pid = start();
        assertEquals(
                0,
                new ProcessBuilder("kill", "-STOP", Integer.toString(pid))
                        .start()
                        .waitFor());
        assertEquals(12, copy(pid).size());
        assertTrue(status(pid, pid, "State:").startsWith("State:\tT"), status(pid, pid, "State:"));
        assertEquals(
                0,
                new ProcessBuilder("kill", "-CONT", Integer.toString(pid))
                        .start()
                        .waitFor());
    }

    /**
     * While the second thread that cannot be stopped is waited for, the first one's child ends: then it stops, is copied, and goes on at
     * once, though the other one is not had in the end.
     */
    @Test
    void aThreadThatStopsLateIsCopiedAndGoesOn() throws IOException, InterruptedException {
        int pid = startProgram(FORKING, "700", "100000", "100000", "100000");
        List<Integer> all = new ArrayList<>();
        try (Stream<Path> tasks = Files.list(Path.of("/proc/" + pid + "/task"))) {
            tasks.map(task -> Integer.valueOf(task.getFileName().toString()))
                    .sorted()
                    .forEach(all::add);
        }
        for (int tid : all.subList(2, 5)) {
            awaitState(pid, tid, 'D'); // it waits for its child
        }
        Callchain chain = new Callchain();
        try (LiveProcess live = LiveProcess.copy(pid, LiveProcess.DEFAULT_STACK)) {
            List<Integer> tids =
                    live.process().threads().stream().map(ThreadState::tid).toList();
            assertEquals(all.subList(0, 2), tids);
            assertEquals(3, live.notHeld().size(), live.notHeld().toString());
            for (Map.Entry<Integer, String> refusal : live.notHeld().entrySet()) {
                String reason =
                        "thread " + refusal.getKey() + ": it does not stop: the kernel lets nobody disturb it just now";
                assertEquals(reason, refusal.getValue());
            }
            for (ThreadState thread : live.process().threads()) {
                live.process().unwind(thread, new UserUnwinder(), chain);
                assertEquals(StopReason.END_OF_STACK, chain.stop(), chain.toString());
                assertTrue(chain.size() > 3, chain.toString());
            }
        }
        assertEquals(5, all.size());
        for (int tid : all) {
            assertEquals("TracerPid:\t0", status(pid, tid, "TracerPid:"));
            assertTrue(status(pid, tid, "State:").matches("State:\t[SRD].*"), status(pid, tid, "State:"));
        }
    }

    @Test
    void aProgramThatWasDeletedUnwindsAllTheSame() throws IOException, InterruptedException {
        int pid = start();
        List<List<String>> before = copy(pid);
        Files.delete(directory.resolve("waiting"));
        assertEquals(before, copy(pid));
    }

    @Test
    void whatCannotBeHeldIsSaid() throws IOException, InterruptedException {
        Process done = new ProcessBuilder("true").start();
        started.add(done);
        assertTrue(done.waitFor(10, TimeUnit.SECONDS));
        HoldException gone = assertThrows(HoldException.class, () -> LiveProcess.copy((int) done.pid(), 4096));
        assertEquals("process " + done.pid() + ": there is no such process", gone.getMessage());
        int self = (int) ProcessHandle.current().pid();
        HoldException own = assertThrows(HoldException.class, () -> LiveProcess.copy(self, 4096));
        assertEquals("process " + self + ": nobody can hold himself", own.getMessage());
        Process child = new ProcessBuilder("sleep", "1000").start();
        started.add(child);
        HoldException parent = assertThrows(HoldException.class, () -> LiveProcess.copy((int) child.pid(), 4096));
        assertTrue(String.valueOf(parent.getMessage()).contains("a child of this process"), parent.getMessage());
    }
}
