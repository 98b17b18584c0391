package org.backstitch.perf;

/**
 * The build id of a file that was mapped during a recording ({@code struct perf_record_header_build_id}).
 *
 * @param fileName the file's path; {@code [kernel.kallsyms]} for the kernel, {@code [vdso]}, {@code [module]}
 * @param buildId in lower-case hexadecimal digits, two a byte; up to 20 bytes
 * @param pid the machine: -1 for the host, 0 for the default guest
 * @param cpuMode which world the file belongs to: {@link RecordMisc#CPU_MODE_KERNEL}, {@link RecordMisc#CPU_MODE_USER}, or a guest's
 */
public record BuildIdEntry(String fileName, String buildId, int pid, int cpuMode) {
    /** Whether it is the kernel, or a module of it, not a file of a process. */
    public boolean isKernel() {
        return cpuMode == RecordMisc.CPU_MODE_KERNEL || cpuMode == RecordMisc.CPU_MODE_GUEST_KERNEL;
    }
}
