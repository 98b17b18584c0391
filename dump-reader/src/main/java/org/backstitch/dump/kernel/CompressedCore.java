package org.backstitch.dump.kernel;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.apache.commons.compress.compressors.snappy.SnappyCompressorInputStream;
import org.backstitch.bytes.Bytes;
import org.backstitch.dump.Extent;
import org.backstitch.elf.ElfNote;
import org.jspecify.annotations.Nullable;

/**
 * A kdump-compressed file: the format of {@code makedumpfile} and of QEMU's {@code dump-guest-memory -z}
 * ({@code IMPLEMENTATION} and {@code diskdump_mod.h} in makedumpfile, {@code include/sysemu/dump.h} in QEMU).
 *
 * <pre>
 *   block 0                 disk_dump_header: signature "KDUMP   ", version, sizes of the following
 *   block 1…                kdump_sub_header: physical base, dump level, where VMCOREINFO and the notes lie
 *   bitmap_blocks           two bitmaps, a bit for each page frame: it exists; the file holds it
 *   page descriptors        one for each page that the file holds, in the order of the frames
 *   notes, page data        wherever the headers and descriptors say
 * </pre>
 *
 * <p>Pages that makedumpfile left out ({@code -d}) are not in the second bitmap: they are missing, not zero. (Zero pages are in it:
 * their descriptors share one page of zeros.)
 */
final class CompressedCore implements PhysicalMemory {
    private static final String SIGNATURE = "KDUMP   ";
    private static final String DISKDUMP_SIGNATURE = "DISKDUMP";
    private static final int SIGNATURE_SIZE = 8;

    private static final int VERSION_OFFSET = 8;
    private static final int HEADER_SIZE = 464;
    private static final int STATUS_OFFSET = 424;
    private static final int BLOCK_SIZE_OFFSET = 428;
    private static final int SUB_HEADER_BLOCKS_OFFSET = 432;
    private static final int BITMAP_BLOCKS_OFFSET = 436;
    private static final int MAX_FRAME_OFFSET = 440;

    private static final int SUB_SPLIT_OFFSET = 12;
    private static final int SUB_INFO_OFFSET = 32;
    private static final int SUB_NOTES_OFFSET = 48;
    private static final int SUB_MAX_FRAME_OFFSET = 96;

    private static final int DESCRIPTOR_SIZE = 24;
    private static final int FLAG_ZLIB = 0x1;
    private static final int FLAG_LZO = 0x2;
    private static final int FLAG_SNAPPY = 0x4;
    private static final int FLAG_ZSTD = 0x20;
    private static final int FLAGS_COMPRESSED = FLAG_ZLIB | FLAG_LZO | FLAG_SNAPPY | FLAG_ZSTD;

    private static final String LZO_REFUSED =
            "pages compressed with LZO, which no library here reads; convert the dump (makedumpfile -c, or dump-guest-memory -z)";

    /** The number of pages before it is kept for every so many bytes of the bitmap. */
    private static final int RANK_BYTES = 512;

    private final ByteStore file;
    private final Bytes bitmap;
    private final long frames;
    private final long descriptorsOffset;
    private final long[] ranks;
    private final @Nullable Long physBase;
    private final List<ElfNote> notes;
    private final @Nullable VmCoreInfo info;

    private CompressedCore(ByteStore file) {
        this.file = file;
        Bytes header = file.slice(0, HEADER_SIZE);
        String signature = header.paddedString(0, SIGNATURE_SIZE);
        if (!signature.equals(SIGNATURE)) {
            throw header.malformed(
                    0,
                    signature.equals(DISKDUMP_SIGNATURE)
                            ? "a diskdump file of the time before kdump; only kdump-compressed files can be read"
                            : "expected a kdump-compressed file (" + SIGNATURE.strip() + "); reassemble others first"
                                    + " (makedumpfile -R)");
        }
        int version = header.i32(VERSION_OFFSET);
        int blockSize = header.i32(BLOCK_SIZE_OFFSET);
        if (blockSize != PageTables.PAGE_SIZE) {
            throw header.malformed(
                    BLOCK_SIZE_OFFSET, "a block size of " + blockSize + " bytes; x86-64 has pages of 4096");
        }
        if ((header.i32(STATUS_OFFSET) & FLAG_LZO) != 0) {
            throw header.malformed(STATUS_OFFSET, LZO_REFUSED);
        }
        long subHeaderBlocks = header.u32(SUB_HEADER_BLOCKS_OFFSET);
        long bitmapBlocks = header.u32(BITMAP_BLOCKS_OFFSET);
        Bytes subHeader = file.slice(blockSize, subHeaderBlocks == 0 ? 0 : subHeaderSize(version));
        if (version < 0 || subHeaderBlocks == 0 && version > 0) {
            throw header.malformed(
                    VERSION_OFFSET,
                    "header version " + version + " with a sub header of " + subHeaderBlocks + " blocks");
        }
        if (version >= 2 && subHeader.i32(SUB_SPLIT_OFFSET) != 0) {
            throw subHeader.malformed(
                    SUB_SPLIT_OFFSET,
                    "one part of a split dump; put the parts together first (makedumpfile --reassemble)");
        }
        long claimedFrames = version >= 6 ? subHeader.i64(SUB_MAX_FRAME_OFFSET) : header.u32(MAX_FRAME_OFFSET);
        long bitmapsOffset = blockSize * (1 + subHeaderBlocks);
        long bitmapsSize = blockSize * bitmapBlocks;
        // Files with one bitmap are of the time before pages were left out: what exists is there.
        boolean two = claimedFrames >= 0 && bitmapBlocks >= 2 * blocksFor(claimedFrames, blockSize);
        bitmap = two
                ? file.slice(bitmapsOffset + bitmapsSize / 2, bitmapsSize / 2)
                : file.slice(bitmapsOffset, bitmapsSize);
        frames = Math.clamp(claimedFrames, 0, 8 * bitmap.size());
        descriptorsOffset = bitmapsOffset + bitmapsSize;
        ranks = ranks(bitmap);
        physBase = subHeaderBlocks == 0 ? null : Long.valueOf(subHeader.i64(0));
        notes = version >= 4 ? notes(subHeader) : List.of();
        info = version >= 3 ? info(subHeader) : null;
    }

    /** How much of the sub header a version has. QEMU leaves the rest of its block unwritten. */
    private static int subHeaderSize(int version) {
        return switch (version) {
            case 0 -> 8;
            case 1 -> SUB_SPLIT_OFFSET;
            case 2 -> SUB_INFO_OFFSET;
            case 3 -> SUB_NOTES_OFFSET;
            case 4, 5 -> SUB_NOTES_OFFSET + 16;
            default -> SUB_MAX_FRAME_OFFSET + 8;
        };
    }

    private static long blocksFor(long bits, int blockSize) {
        return Math.ceilDiv(Math.ceilDiv(bits, 8L), blockSize);
    }

    /** Whether {@code bytes} begin like a file of this format, or like one of its predecessor. */
    static boolean isCompressed(Bytes bytes) {
        if (!bytes.contains(0, SIGNATURE_SIZE)) {
            return false;
        }
        String signature = bytes.paddedString(0, SIGNATURE_SIZE);
        return signature.equals(SIGNATURE) || signature.equals(DISKDUMP_SIGNATURE);
    }

    /**
     * Reads the headers and the bitmap.
     *
     * @throws org.backstitch.bytes.MalformedInputException if they are not of this format or lie outside of the file
     */
    static CompressedCore read(ByteStore file) {
        return new CompressedCore(file);
    }

    private List<ElfNote> notes(Bytes subHeader) {
        long size = subHeader.i64(SUB_NOTES_OFFSET + 8);
        return size == 0 ? List.of() : ElfNote.readAll(file.slice(subHeader.i64(SUB_NOTES_OFFSET), size), 4);
    }

    private @Nullable VmCoreInfo info(Bytes subHeader) {
        long size = subHeader.i64(SUB_INFO_OFFSET + 8);
        return size == 0
                ? null
                : new VmCoreInfo(
                        file.slice(subHeader.i64(SUB_INFO_OFFSET), size).named(VmCoreInfo.NOTE_NAME));
    }

    private static long[] ranks(Bytes bitmap) {
        long[] ranks = new long[(int) Math.ceilDiv(bitmap.size(), (long) RANK_BYTES)];
        long rank = 0;
        for (int i = 0; i < ranks.length; i++) {
            ranks[i] = rank;
            rank += count(bitmap, (long) i * RANK_BYTES, Math.min(bitmap.size(), (i + 1L) * RANK_BYTES));
        }
        return ranks;
    }

    /** Number of bits set in the bytes from {@code from} to {@code to}. */
    private static long count(Bytes bitmap, long from, long to) {
        long count = 0;
        long at = from;
        for (; at + Long.BYTES <= to; at += Long.BYTES) {
            count += Long.bitCount(bitmap.i64(at));
        }
        for (; at < to; at++) {
            count += Integer.bitCount(bitmap.u8(at));
        }
        return count;
    }

    /** The notes of the crashed kernel: registers of its CPUs, VMCOREINFO. */
    List<ElfNote> notes() {
        return notes;
    }

    /** VMCOREINFO where the sub header points to it by itself; null if it does not. */
    @Nullable
    VmCoreInfo info() {
        return info;
    }

    /** The kernel's physical base as the sub header has it; null if there is no sub header. */
    @Nullable
    Long physBase() {
        return physBase;
    }

    @Override
    public @Nullable Extent at(long paddr) {
        long frame = paddr >>> 12;
        if (frame >= frames || (bitmap.u8(frame >> 3) >> (frame & 7) & 1) == 0) {
            return null;
        }
        long atByte = frame >> 3;
        long rankStart = atByte & -RANK_BYTES;
        long index = ranks[(int) (rankStart / RANK_BYTES)]
                + count(bitmap, rankStart, atByte)
                + Integer.bitCount(bitmap.u8(atByte) & (1 << (frame & 7)) - 1);
        Bytes descriptor = file.slice(descriptorsOffset + DESCRIPTOR_SIZE * index, DESCRIPTOR_SIZE);
        long size = descriptor.u32(8);
        int flags = descriptor.i32(12) & FLAGS_COMPRESSED;
        if (size > PageTables.PAGE_SIZE) {
            throw descriptor.malformed(8, "page frame 0x" + Long.toHexString(frame) + " takes " + size + " bytes");
        }
        Bytes stored = file.slice(descriptor.i64(0), size);
        return new Extent(frame << 12, page(stored, flags));
    }

    private static Bytes page(Bytes stored, int flags) {
        if (flags == 0) {
            if (stored.size() != PageTables.PAGE_SIZE) {
                throw stored.malformed(0, "an uncompressed page of " + stored.size() + " bytes");
            }
            return stored;
        }
        byte[] packed = stored.copy(0, (int) stored.size());
        byte[] page = new byte[PageTables.PAGE_SIZE];
        int length;
        try {
            length = switch (flags) {
                case FLAG_ZLIB -> inflate(packed, page);
                case FLAG_ZSTD -> (int) Zstd.decompress(page, packed);
                case FLAG_SNAPPY -> unsnap(packed, page);
                case FLAG_LZO -> throw stored.malformed(0, LZO_REFUSED);
                default -> throw stored.malformed(0, "a page with contradicting compression flags " + flags);
            };
        } catch (DataFormatException | IOException | ZstdException e) {
            throw stored.malformed(0, "a compressed page that is broken: " + e.getMessage());
        }
        if (length != page.length) {
            throw stored.malformed(0, "a compressed page of " + length + " bytes");
        }
        return Bytes.of(page, stored.source());
    }

    private static int inflate(byte[] packed, byte[] page) throws DataFormatException {
        try (Inflater inflater = new Inflater()) {
            inflater.setInput(packed);
            return inflater.inflate(page);
        }
    }

    private static int unsnap(byte[] packed, byte[] page) throws IOException {
        try (SnappyCompressorInputStream in = new SnappyCompressorInputStream(new ByteArrayInputStream(packed))) {
            return in.readNBytes(page, 0, page.length);
        } catch (RuntimeException e) {
            throw new IOException("snappy: " + e.getMessage(), e); // what it throws at some broken input
        }
    }
}
