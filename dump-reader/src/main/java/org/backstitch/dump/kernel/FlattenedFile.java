package org.backstitch.dump.kernel;

import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.Extent;
import org.backstitch.dump.ExtentMap;

/**
 * A dump in makedumpfile's flattened format: the pieces of the file in the order in which they were written, for output to pipes
 * ({@code makedumpfile -F}, and QEMU's kdump formats). Pieces may overwrite earlier ones.
 *
 * <p>A header of 4096 bytes, then for each piece its offset and its size in the file to be, 64-bit <em>big-endian</em>, and its bytes;
 * an offset of -1 ends the file ({@code struct makedumpfile_header} and {@code makedumpfile_data_header} in makedumpfile's
 * {@code makedumpfile.h}).
 */
final class FlattenedFile implements ByteStore {
    private static final String SIGNATURE = "makedumpfile";
    private static final int SIGNATURE_SIZE = 16;
    private static final int HEADER_SIZE = 4096;
    private static final int PIECE_HEADER_SIZE = 16;
    private static final long TYPE_FLATTENED = 1;
    private static final int ELF_MAGIC = 0x464c_457f;

    private final String source;
    private final ExtentMap pieces;

    private FlattenedFile(String source, ExtentMap pieces) {
        this.source = source;
        this.pieces = pieces;
    }

    static boolean isFlattened(Bytes file) {
        return file.contains(0, SIGNATURE_SIZE)
                && file.paddedString(0, SIGNATURE_SIZE).equals(SIGNATURE);
    }

    /**
     * Finds the pieces. Those that a cut-off file has lost are missing; so is everything behind a piece of impossible size.
     *
     * @throws MalformedInputException if the header is of an unknown kind, or the file is an ELF core and not kdump-compressed
     */
    static FlattenedFile read(Bytes file) {
        file.check(0, HEADER_SIZE);
        long type = bigEndian(file, SIGNATURE_SIZE);
        if (type != TYPE_FLATTENED) {
            throw file.malformed(SIGNATURE_SIZE, "a makedumpfile header of unknown type " + type);
        }
        ExtentMap.Builder pieces = new ExtentMap.Builder();
        long at = HEADER_SIZE;
        while (file.contains(at, PIECE_HEADER_SIZE)) {
            long offset = bigEndian(file, at);
            long size = bigEndian(file, at + Long.BYTES);
            long data = at + PIECE_HEADER_SIZE;
            if (offset < 0 || size <= 0 || !file.contains(data, 1)) {
                break;
            }
            long present = Math.min(size, file.size() - data);
            pieces.addOver(offset, file.slice(data, present));
            at = data + present;
        }
        FlattenedFile rearranged = new FlattenedFile(file.source() + "(rearranged)", pieces.build());
        if (rearranged.startsWith(ELF_MAGIC)) {
            throw file.malformed(
                    0, "an ELF core in makedumpfile's flattened format; put it together first (makedumpfile -R)");
        }
        return rearranged;
    }

    private boolean startsWith(int magic) {
        Extent first = pieces.at(0);
        return first != null
                && first.contains(0, Integer.BYTES)
                && first.bytes().i32(0) == magic;
    }

    private static long bigEndian(Bytes file, long offset) {
        return Long.reverseBytes(file.i64(offset));
    }

    @Override
    public Bytes slice(long offset, long length) {
        Extent first = pieces.at(offset);
        if (first != null && first.contains(offset, length)) {
            return first.part(offset, length).bytes();
        }
        if (length < 0 || length > Integer.MAX_VALUE - 8) {
            throw missing(offset, offset, length);
        }
        // Before anything is allocated, it is known that the pieces hold it all.
        long held = 0;
        while (held < length) {
            held += part(offset, held, length).size();
        }
        byte[] gathered = new byte[Math.toIntExact(length)];
        for (int done = 0; done < gathered.length; ) {
            Extent part = part(offset, done, length);
            byte[] bytes = part.bytes().copy(0, (int) part.size());
            System.arraycopy(bytes, 0, gathered, done, bytes.length);
            done += bytes.length;
        }
        return Bytes.of(gathered, source);
    }

    private Extent part(long offset, long done, long length) {
        Extent extent = pieces.at(offset + done);
        if (extent == null) {
            throw missing(offset + done, offset, length);
        }
        return extent.part(offset + done, length - done);
    }

    private MalformedInputException missing(long at, long offset, long length) {
        return new MalformedInputException(
                source,
                at,
                "expected " + length + " bytes at 0x" + Long.toHexString(offset) + ", but they are missing");
    }
}
