package org.backstitch.elf;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;

/**
 * The dynamic section as the dynamic linker finds it: through {@code PT_DYNAMIC}, without section headers (gABI, chapter 5).
 */
final class DynamicSection {
    private static final int ENTRY_SIZE = 16;
    private static final int DT_NULL = 0;
    private static final int DT_HASH = 4;
    private static final int DT_STRTAB = 5;
    private static final int DT_SYMTAB = 6;
    private static final int DT_STRSZ = 10;
    private static final int DT_GNU_HASH = 0x6fff_fef5;

    private final ElfFile elf;
    private final Map<Long, Long> entries = new HashMap<>();

    private DynamicSection(ElfFile elf, Bytes dynamic) {
        this.elf = elf;
        for (long at = 0; dynamic.contains(at, ENTRY_SIZE) && dynamic.i64(at) != DT_NULL; at += ENTRY_SIZE) {
            entries.putIfAbsent(dynamic.i64(at), dynamic.i64(at + 8));
        }
    }

    static Optional<DynamicSection> of(ElfFile elf) {
        for (ElfSegment segment : elf.segments()) {
            if (segment.type() == ElfConstants.PT_DYNAMIC) {
                return elf.bytesAt(segment.vaddr(), segment.fileSize())
                        .map(dynamic -> new DynamicSection(elf, dynamic));
            }
        }
        return Optional.empty();
    }

    private OptionalLong entry(long tag) {
        Long value = entries.get(tag);
        return value == null ? OptionalLong.empty() : OptionalLong.of(value);
    }

    private Optional<Bytes> bytesOf(long tag) {
        OptionalLong vaddr = entry(tag);
        return vaddr.isPresent() ? elf.bytesFrom(vaddr.getAsLong()) : Optional.empty();
    }

    /** The dynamic symbols; their number is not written anywhere, but follows from the hash tables. */
    Optional<ElfSymbols> symbols() {
        Optional<Bytes> symbols = bytesOf(DT_SYMTAB);
        Optional<Bytes> names = bytesOf(DT_STRTAB);
        OptionalLong namesSize = entry(DT_STRSZ);
        if (symbols.isEmpty() || names.isEmpty() || namesSize.isEmpty()) {
            return Optional.empty();
        }
        long count = bytesOf(DT_HASH)
                .map(DynamicSection::countInHash)
                .or(() -> bytesOf(DT_GNU_HASH).map(DynamicSection::countInGnuHash))
                .orElse(0L);
        long size = Math.min(count, symbols.get().size() / ElfSymbols.ENTRY_SIZE) * ElfSymbols.ENTRY_SIZE;
        boolean fits = names.get().contains(0, namesSize.getAsLong());
        return Optional.of(new ElfSymbols(
                symbols.get().slice(0, size), fits ? names.get().slice(0, namesSize.getAsLong()) : names.get(), null));
    }

    /** gABI, chapter 5, "Hash Table": {@code nchain} equals the number of symbols. */
    private static long countInHash(Bytes hash) {
        return hash.contains(0, 8) ? hash.u32(4) : 0;
    }

    /**
     * The GNU hash table holds the symbols from {@code symoffset} on, sorted by bucket; the last one's chain ends in a value with
     * bit 0 set.
     */
    private static long countInGnuHash(Bytes hash) {
        if (!hash.contains(0, 16)) {
            return 0;
        }
        long bucketCount = hash.u32(0);
        long firstSymbol = hash.u32(4);
        long buckets = 16 + hash.u32(8) * 8;
        long chains = buckets + bucketCount * 4;
        long last = 0;
        for (long i = 0; i < bucketCount && hash.contains(buckets + i * 4, 4); i++) {
            last = Math.max(last, hash.u32(buckets + i * 4));
        }
        if (last < firstSymbol) {
            return firstSymbol;
        }
        while (hash.contains(chains + (last - firstSymbol) * 4, 4)
                && (hash.i32(chains + (last - firstSymbol) * 4) & 1) == 0) {
            last++;
        }
        return last + 1;
    }
}
