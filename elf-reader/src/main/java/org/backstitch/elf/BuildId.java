package org.backstitch.elf;

import java.util.Arrays;
import java.util.HexFormat;
import org.backstitch.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * A build id: names one link of one program, whatever its file is called. Linkers use 20 bytes (SHA-1), 16 (MD5, UUID) or 8.
 */
public final class BuildId {
    /** Longest build id that anybody writes: a SHA-512. */
    public static final int MAX_SIZE = 64;

    private final byte[] id;

    private BuildId(byte[] id) {
        this.id = id;
    }

    /**
     * The build id that {@code bytes} are.
     *
     * @param bytes the id: 1 to {@value #MAX_SIZE} bytes
     * @throws org.backstitch.bytes.MalformedInputException if there are more, or none
     */
    public static BuildId of(Bytes bytes) {
        if (bytes.size() == 0 || bytes.size() > MAX_SIZE) {
            throw bytes.malformed(0, "expected a build id of 1 to 64 bytes, found " + bytes.size());
        }
        return new BuildId(bytes.copy(0, (int) bytes.size()));
    }

    /**
     * The build id that is written as {@code hex}.
     *
     * @param hex two digits a byte
     * @throws IllegalArgumentException if it is anything else
     */
    public static BuildId ofHex(String hex) {
        byte[] id = HexFormat.of().parseHex(hex);
        if (id.length == 0 || id.length > MAX_SIZE) {
            throw new IllegalArgumentException("a build id of " + id.length + " bytes");
        }
        return new BuildId(id);
    }

    /** Number of bytes. */
    public int size() {
        return id.length;
    }

    /** A copy of the bytes. */
    public byte[] toByteArray() {
        return id.clone();
    }

    /** The bytes as lower-case hexadecimal digits. */
    public String hex() {
        return HexFormat.of().formatHex(id);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof BuildId that && Arrays.equals(id, that.id);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(id);
    }

    @Override
    public String toString() {
        return hex();
    }
}
