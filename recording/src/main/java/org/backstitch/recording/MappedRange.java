package org.backstitch.recording;

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
    /** Whether there is nothing in it: an end behind the last address is taken to be that address. */
    boolean isEmpty() {
        return length == 0 || address == -1;
    }
}
