package org.backstitch.recording;

import java.nio.file.Path;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.CodeReader;
import org.backstitch.unwind.deferred.JoinPolicy;
import org.jspecify.annotations.Nullable;

/**
 * Where the files that a recording speaks of are, and what is wanted of its samples. Immutable; each method gives a changed copy.
 *
 * @param symfs a directory under which every file of the recorded system is looked up; null for this system's own files
 * @param vdso the recorded system's vDSO; null if there is none at hand
 * @param kallsyms the recorded boot's {@code /proc/kallsyms}; null for none
 * @param vmlinux the recorded kernel; null for none
 * @param maxStack how many frames a sample may have, kernel and user together
 * @param threads how many threads unwind; the results do not depend on it
 * @param demangle whether C++ and Rust names are demangled
 * @param mergeDeferred whether late user callchains are joined to the samples that asked for them
 * @param join how they find each other, and which records and flags mean so: those of Linux 6.19, or those of the RFC of 2017
 * @param code reads the code of files where their unwind tables have no answer
 * @param checkCalls whether it is asked of every return address if a call is in front of it
 */
public record RecordingOptions(
        @Nullable Path symfs,
        @Nullable Path vdso,
        @Nullable Path kallsyms,
        @Nullable Path vmlinux,
        int maxStack,
        int threads,
        boolean demangle,
        boolean mergeDeferred,
        JoinPolicy join,
        CodeReader code,
        boolean checkCalls) {
    /** What perf bounds chains to: {@code kernel.perf_event_max_stack}. */
    public static final int DEFAULT_MAX_STACK = 127;

    public RecordingOptions {
        if (maxStack < 1 || threads < 1) {
            throw new IllegalArgumentException("at least one frame and one thread: " + maxStack + ", " + threads);
        }
    }

    /** This system's files, chains as perf bounds them, all processors. */
    public static RecordingOptions defaults() {
        int threads = Runtime.getRuntime().availableProcessors();
        return new RecordingOptions(
                null,
                null,
                null,
                null,
                DEFAULT_MAX_STACK,
                threads,
                true,
                true,
                JoinPolicy.COOKIE,
                CodeReader.NONE,
                false);
    }

    /** Looks every file of the recorded system up under a directory, and never uses this system's own. */
    public RecordingOptions withSymfs(@Nullable Path directory) {
        return new RecordingOptions(
                directory, vdso, kallsyms, vmlinux, maxStack, threads, demangle, mergeDeferred, join, code, checkCalls);
    }

    /** Takes the recorded system's vDSO from a file. */
    public RecordingOptions withVdso(@Nullable Path file) {
        return new RecordingOptions(
                symfs, file, kallsyms, vmlinux, maxStack, threads, demangle, mergeDeferred, join, code, checkCalls);
    }

    /** Takes kernel symbols from a copy of the recorded boot's {@code /proc/kallsyms}. */
    public RecordingOptions withKallsyms(@Nullable Path file) {
        return new RecordingOptions(
                symfs, vdso, file, vmlinux, maxStack, threads, demangle, mergeDeferred, join, code, checkCalls);
    }

    /** Takes kernel symbols from an ELF file of the recorded kernel. */
    public RecordingOptions withVmlinux(@Nullable Path file) {
        return new RecordingOptions(
                symfs, vdso, kallsyms, file, maxStack, threads, demangle, mergeDeferred, join, code, checkCalls);
    }

    /** Bounds chains to a number of frames; {@link Callchain#UNLIMITED} for no bound. */
    public RecordingOptions withMaxStack(int frames) {
        return new RecordingOptions(
                symfs, vdso, kallsyms, vmlinux, frames, threads, demangle, mergeDeferred, join, code, checkCalls);
    }

    /** Unwinds with a number of threads. */
    public RecordingOptions withThreads(int count) {
        return new RecordingOptions(
                symfs, vdso, kallsyms, vmlinux, maxStack, count, demangle, mergeDeferred, join, code, checkCalls);
    }

    /** Leaves names as the linker knows them. */
    public RecordingOptions withoutDemangling() {
        return new RecordingOptions(
                symfs, vdso, kallsyms, vmlinux, maxStack, threads, false, mergeDeferred, join, code, checkCalls);
    }

    /** Takes late callchains for those of another ABI than that of Linux 6.19. */
    public RecordingOptions withJoin(JoinPolicy policy) {
        return new RecordingOptions(
                symfs, vdso, kallsyms, vmlinux, maxStack, threads, demangle, mergeDeferred, policy, code, checkCalls);
    }

    /** Leaves samples that asked for a late callchain with their own part, and passes on the late records themselves. */
    public RecordingOptions withoutMerging() {
        return new RecordingOptions(
                symfs, vdso, kallsyms, vmlinux, maxStack, threads, demangle, false, join, code, checkCalls);
    }

    /** Has code read where unwind tables have no answer. */
    public RecordingOptions withCode(CodeReader reader) {
        return new RecordingOptions(
                symfs, vdso, kallsyms, vmlinux, maxStack, threads, demangle, mergeDeferred, join, reader, checkCalls);
    }

    /** Has every return address of user callers checked for a call in front of it. */
    public RecordingOptions withCallsChecked() {
        return new RecordingOptions(
                symfs, vdso, kallsyms, vmlinux, maxStack, threads, demangle, mergeDeferred, join, code, true);
    }
}
