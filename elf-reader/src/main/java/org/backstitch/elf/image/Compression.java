package org.backstitch.elf.image;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.HexFormat;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorInputStream;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.internal.Inflation;
import org.tukaani.xz.LZMAInputStream;

/** The compressed formats that kernels, modules and packages come in, told apart by their first bytes. */
enum Compression {
    /** RFC 1952. */
    GZIP("gzip", "1f8b08") {
        @Override
        InputStream open(InputStream in) throws IOException {
            return new GZIPInputStream(in, BUFFER_SIZE);
        }
    },
    XZ("xz", "fd377a585a00") {
        @Override
        InputStream open(InputStream in) throws IOException {
            return Inflation.xz(in);
        }
    },
    /** RFC 8878. */
    ZSTD("zstd", "28b52ffd") {
        @Override
        InputStream open(InputStream in) throws IOException {
            return Inflation.zstd(in);
        }
    },
    BZIP2("bzip2", "425a68") {
        @Override
        InputStream open(InputStream in) throws IOException {
            return new BZip2CompressorInputStream(in, true);
        }
    },
    /** The .lzma format has no magic number; these are the properties that every encoder writes by default (lc 3, lp 0, pb 2). */
    LZMA("lzma", "5d0000") {
        @Override
        InputStream open(InputStream in) throws IOException {
            return new LZMAInputStream(in, Inflation.XZ_MEMORY_LIMIT_KIB);
        }
    },
    /** The LZ4 frame format. */
    LZ4("lz4", "04224d18") {
        @Override
        InputStream open(InputStream in) throws IOException {
            return new FramedLZ4CompressorInputStream(in, true);
        }
    },
    /** The frame format that {@code lz4 -l} writes; the kernel reads no other one. */
    LZ4_LEGACY("lz4 (legacy frame)", "02214c18") {
        @Override
        InputStream open(InputStream in) throws IOException {
            return new BufferedInputStream(new Lz4LegacyInputStream(in), BUFFER_SIZE);
        }
    },
    /** Known in order to be refused: there is no library that reads it. */
    LZO("lzo", "894c5a4f000d0a1a0a") {
        @Override
        InputStream open(InputStream in) throws IOException {
            throw new IOException("lzo is not supported; unpack it with lzop");
        }
    };

    private static final int BUFFER_SIZE = 1 << 16;

    private final String label;
    /** The first bytes, in hexadecimal. */
    private final String magic;

    Compression(String label, String magic) {
        this.label = label;
        this.magic = magic;
    }

    /** The format as its users call it. */
    String label() {
        return label;
    }

    /** The decompressed form of a stream. */
    abstract InputStream open(InputStream in) throws IOException;

    /** The format that {@code bytes} start like. */
    static Optional<Compression> of(Bytes bytes) {
        for (Compression each : values()) {
            if (each.matches(bytes)) {
                return Optional.of(each);
            }
        }
        return Optional.empty();
    }

    private boolean matches(Bytes bytes) {
        int length = magic.length() / 2;
        return bytes.contains(0, length)
                && HexFormat.of().formatHex(bytes.copy(0, length)).equals(magic);
    }
}
