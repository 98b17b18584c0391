package org.backstitch.recording;

import org.backstitch.perf.MappingCursor;
import org.jspecify.annotations.Nullable;

/**
 * A mapping as the recording tells it, before its file is looked for.
 *
 * @param address of the first byte
 * @param length in bytes
 * @param fileOffset of the first byte in the file
 * @param executable whether code can be executed there
 * @param path the file, as the recorded system names it
 * @param buildId of the file, in hexadecimal digits; empty if the record does not say
 */
record MappedRange(long address, long length, long fileOffset, boolean executable, String path, String buildId) {
    private static final long HASH_FACTOR = 0x9e37_79b9_7f4a_7c15L; // 2 to the 64th by the golden ratio

    static MappedRange of(MappingCursor mapping) {
        return new MappedRange(
                mapping.address(),
                mapping.length(),
                mapping.fileOffset(),
                mapping.isExecutable(),
                mapping.fileName(),
                mapping.buildId());
    }

    // Written out: to link the methods that a record has by itself takes milliseconds in a virtual machine that has
    // just started.

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof MappedRange that
                && address == that.address
                && length == that.length
                && fileOffset == that.fileOffset
                && executable == that.executable
                && path.equals(that.path)
                && buildId.equals(that.buildId);
    }

    @Override
    public int hashCode() {
        // Multiplied, for the low bits of pages' addresses are all alike; of ranges that grow only the length differs.
        long number = (address * HASH_FACTOR + fileOffset) * HASH_FACTOR + length;
        return 31 * path.hashCode() + Long.hashCode(number * HASH_FACTOR);
    }
}
