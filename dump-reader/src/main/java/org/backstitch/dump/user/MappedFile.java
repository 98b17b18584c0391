package org.backstitch.dump.user;

/**
 * A part of a file that a process had mapped.
 *
 * @param start the first address
 * @param end the address behind the last one; above {@code start}
 * @param fileOffset of the first byte, in bytes
 * @param path as the process knew the file
 */
record MappedFile(long start, long end, long fileOffset, String path) {
    /** What the kernel appends to the path of a file that has no name any more ({@code d_path}). */
    private static final String DELETED = " (deleted)";

    boolean contains(long address) {
        return Long.compareUnsigned(address - start, end - start) < 0;
    }

    /** The path without the kernel's remark that nothing, or another file, is there now. */
    static String withoutRemark(String path) {
        return path.endsWith(DELETED) ? path.substring(0, path.length() - DELETED.length()) : path;
    }
}
