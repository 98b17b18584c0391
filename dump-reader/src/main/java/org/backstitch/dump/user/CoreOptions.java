package org.backstitch.dump.user;

import java.nio.file.Path;
import org.backstitch.unwind.CodeReader;
import org.jspecify.annotations.Nullable;

/**
 * Where the files that a core speaks of are. Immutable; each method gives a changed copy.
 *
 * @param exe the program that crashed; null to look for it where it was
 * @param sysroot a directory under which every file of the crashed system is looked up; null for this system's own files
 * @param code reads the code of files where their unwind tables have no answer
 */
public record CoreOptions(@Nullable Path exe, @Nullable Path sysroot, CodeReader code) {
    /** This system's files. */
    public static CoreOptions defaults() {
        return new CoreOptions(null, null, CodeReader.NONE);
    }

    /** Takes the program from a file, wherever it was. */
    public CoreOptions withExe(@Nullable Path file) {
        return new CoreOptions(file, sysroot, code);
    }

    /** Looks every other file up under a directory, and never uses this system's own. */
    public CoreOptions withSysroot(@Nullable Path directory) {
        return new CoreOptions(exe, directory, code);
    }

    /** Has code read where unwind tables have no answer. */
    public CoreOptions withCode(CodeReader reader) {
        return new CoreOptions(exe, sysroot, reader);
    }
}
