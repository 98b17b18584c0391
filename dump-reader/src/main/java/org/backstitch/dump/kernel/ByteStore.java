package org.backstitch.dump.kernel;

import org.backstitch.bytes.Bytes;

/** The bytes of a dump file by their offsets, wherever they really lie. Immutable and thread-safe. */
sealed interface ByteStore permits ByteStore.Plain, FlattenedFile {
    /**
     * The {@code length} bytes at {@code offset}.
     *
     * @throws org.backstitch.bytes.MalformedInputException if the file does not have all of them
     */
    Bytes slice(long offset, long length);

    /** A file as it is. */
    record Plain(Bytes bytes) implements ByteStore {
        @Override
        public Bytes slice(long offset, long length) {
            return bytes.slice(offset, length);
        }
    }
}
