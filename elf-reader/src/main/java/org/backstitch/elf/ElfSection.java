package org.backstitch.elf;

import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.internal.Inflation;
import org.backstitch.elf.internal.Lazy;

/**
 * A section header (System V gABI, chapter 4) and the bytes that it describes. Immutable and thread-safe; the bytes of a compressed
 * section are inflated when they are first asked for.
 */
public final class ElfSection {
    private static final int COMPRESSION_HEADER_SIZE = 24;
    private static final String GNU_COMPRESSED_PREFIX = ".zdebug_";
    private static final int GNU_COMPRESSION_HEADER_SIZE = 12;

    private final Bytes file;
    private final long inflationLimit;
    private final int index;
    private final SectionNames names;
    private final long nameOffset;
    private final int type;
    private final long flags;
    private final long address;
    private final long fileOffset;
    private final long size;
    private final int link;
    private final int info;
    private final long alignment;
    private final long entrySize;
    private final Lazy<String> name;
    private final Lazy<Bytes> data;

    /** @param header the 64 bytes of an {@code Elf64_Shdr} */
    ElfSection(Bytes file, long inflationLimit, int index, SectionNames names, Bytes header) {
        this.file = file;
        this.inflationLimit = inflationLimit;
        this.index = index;
        this.names = names;
        this.nameOffset = header.u32(0);
        this.type = header.i32(4);
        this.flags = header.i64(8);
        this.address = header.i64(16);
        this.fileOffset = header.i64(24);
        this.size = header.i64(32);
        this.link = header.i32(40);
        this.info = header.i32(44);
        this.alignment = header.i64(48);
        this.entrySize = header.i64(56);
        this.name = new Lazy<>(() -> names.decode(nameOffset));
        this.data = new Lazy<>(this::read);
    }

    /** Position in the section header table; 0 is the reserved one. */
    public int index() {
        return index;
    }

    /** The name; empty where the section name table is missing or broken, or the name longer than 64 KiB. */
    public String name() {
        return name.get();
    }

    /** Whether this is the section's name; cheaper than {@link #name}. */
    public boolean isNamed(String wanted) {
        return names.isNamed(nameOffset, wanted);
    }

    /** One of {@code ElfConstants.SHT_*}. */
    public int type() {
        return type;
    }

    /** {@code ElfConstants.SHF_*}. */
    public long flags() {
        return flags;
    }

    /** Whether all of the given {@code SHF_*} are set. */
    public boolean hasFlags(long wanted) {
        return (flags & wanted) == wanted;
    }

    /** The vaddr of the first byte; 0 where the section is not part of the memory image, and in relocatable files. */
    public long address() {
        return address;
    }

    /** Where the section's bytes start in the file; unsigned. */
    public long fileOffset() {
        return fileOffset;
    }

    /** Number of bytes, of a compressed section the compressed ones (with their header); unsigned. */
    public long size() {
        return size;
    }

    /** {@code sh_link}: index of a related section, depending on the type. */
    public int link() {
        return link;
    }

    /** {@code sh_info}: depends on the type; of relocation sections the index of the section that they change. */
    public int info() {
        return info;
    }

    /** Alignment of the address in bytes; 0 and 1 mean none. */
    public long alignment() {
        return alignment;
    }

    /** Size of an entry in bytes where the section is a table; unsigned. */
    public long entrySize() {
        return entrySize;
    }

    /** Whether the section occupies memory when the program runs. */
    public boolean isAllocated() {
        return hasFlags(ElfConstants.SHF_ALLOC);
    }

    /** Whether {@code vaddr} lies in this section's part of the memory image. */
    public boolean covers(long vaddr) {
        return isAllocated() && Long.compareUnsigned(vaddr - address, size) < 0;
    }

    /** Whether the section has no bytes in the file: uninitialised data, or what a debug file leaves to its program's file. */
    public boolean isNoBits() {
        return type == ElfConstants.SHT_NOBITS;
    }

    /** Whether the bytes in the file are compressed: {@code SHF_COMPRESSED}, or a {@code .zdebug_*} section of older binutils. */
    public boolean isCompressed() {
        return hasFlags(ElfConstants.SHF_COMPRESSED) || isGnuCompressed();
    }

    private boolean isGnuCompressed() {
        return type == ElfConstants.SHT_PROGBITS && names.startsWith(nameOffset, GNU_COMPRESSED_PREFIX);
    }

    /**
     * The section's bytes, decompressed; none for {@code SHT_NOBITS} and {@code SHT_NULL}.
     *
     * @throws MalformedInputException if the section lies outside of the file, or its compressed data is broken, of an unknown kind,
     *     not of the size that it claims, or larger than the file's inflation limit
     */
    public Bytes data() {
        return data.get();
    }

    private Bytes read() {
        if (isNoBits() || type == ElfConstants.SHT_NULL) {
            return file.slice(0, 0);
        }
        if (!file.contains(fileOffset, size)) {
            throw file.malformed(
                    fileOffset,
                    "section " + label() + " of " + Long.toUnsignedString(size) + " bytes lies outside of the file");
        }
        Bytes raw = file.slice(fileOffset, size);
        if (hasFlags(ElfConstants.SHF_COMPRESSED)) {
            return inflate(raw);
        }
        if (isGnuCompressed() && raw.contains(0, GNU_COMPRESSION_HEADER_SIZE) && raw.i32(0) == 0x42494c5a) { // "ZLIB"
            return inflate(raw.from(GNU_COMPRESSION_HEADER_SIZE), Inflation::zlib, Long.reverseBytes(raw.i64(4)), raw);
        }
        return raw;
    }

    /** gABI, "Section Compression": an {@code Elf64_Chdr} and the compressed bytes. */
    private Bytes inflate(Bytes raw) {
        int algorithm = raw.i32(0);
        long inflatedSize = raw.i64(8);
        Bytes compressed = raw.from(COMPRESSION_HEADER_SIZE);
        return switch (algorithm) {
            case ElfConstants.ELFCOMPRESS_ZLIB -> inflate(compressed, Inflation::zlib, inflatedSize, raw);
            case ElfConstants.ELFCOMPRESS_ZSTD -> inflate(compressed, Inflation::zstd, inflatedSize, raw);
            default ->
                throw raw.malformed(
                        0,
                        "section " + label() + " is compressed by an unknown algorithm "
                                + Integer.toUnsignedString(algorithm));
        };
    }

    private Bytes inflate(Bytes compressed, Inflation.Codec codec, long claimedSize, Bytes raw) {
        // A claim beyond the limit is no reason to refuse: only what really comes out counts.
        long most = Math.min(inflationLimit, Inflation.allowance(compressed.size()));
        long limit = Long.compareUnsigned(claimedSize, most) < 0 ? claimedSize : most;
        Bytes inflated = Inflation.inflate(compressed, codec, file.source() + "(" + label() + ")", limit);
        if (inflated.size() != claimedSize) {
            throw raw.malformed(
                    0,
                    "section " + label() + " inflates to " + inflated.size() + " bytes, but claims "
                            + Long.toUnsignedString(claimedSize));
        }
        return inflated;
    }

    private String label() {
        return name().isEmpty() ? "[" + index + "]" : name();
    }

    @Override
    public String toString() {
        return "[" + index + "] " + name() + " type " + Integer.toUnsignedString(type) + " address 0x"
                + Long.toHexString(address) + " offset 0x" + Long.toHexString(fileOffset) + " size 0x"
                + Long.toHexString(size);
    }
}
