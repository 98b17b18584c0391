package org.backstitch.elf.orc;

import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.jspecify.annotations.Nullable;

/**
 * An ORC table: which {@link OrcEntry} holds from which address on, sorted by address, whatever the version it was written in.
 *
 * <p>A row holds up to the next row's address. Of several rows at one address the last one counts, and those that are
 * {@link OrcType#UNDEFINED} come first: they are the weak terminators that objtool puts at the end of a section, and lose against an
 * entry proper (as {@code orc_sort_cmp} of the kernel has it). All rows of the input are kept.
 *
 * <p>Immutable and safe for use by any number of threads.
 */
public final class OrcTable {
    /** The most bytes that the first and the last entry of a table can lie apart: 2 GiB. */
    private static final long MAX_SPAN = 1L << 31;

    private final OrcFormat format;
    private final long[] addresses;
    private final int[] entryIndexes;
    private final OrcEntry[] entries;
    private final int invalidRows;
    private final @Nullable SectionNames sections;

    private OrcTable(
            OrcFormat format,
            long[] addresses,
            int[] entryIndexes,
            OrcEntry[] entries,
            int invalidRows,
            @Nullable SectionNames sections) {
        this.format = format;
        this.addresses = addresses;
        this.entryIndexes = entryIndexes;
        this.entries = entries;
        this.invalidRows = invalidRows;
        this.sections = sections;
    }

    /** Names the sections of a relocatable file by their numbers. */
    interface SectionNames {
        String name(int section);
    }

    /**
     * Reads a table whose addresses are final: of a linked vmlinux, or of a loaded module out of a dump's memory.
     *
     * @param unwind the entries: {@code .orc_unwind}, or the array at {@code mod->arch.orc_unwind}
     * @param ips their addresses: {@code .orc_unwind_ip}, or the array at {@code mod->arch.orc_unwind_ip}
     * @param ipsAddress the address of {@code ips}, from which its numbers count
     * @param header {@code .orc_header}, or null where there is none
     * @param release the kernel's release, or null where it is not known
     * @throws MalformedInputException if the two do not have the same number of entries, or the format cannot be told for certain
     */
    public static OrcTable read(
            Bytes unwind, Bytes ips, long ipsAddress, @Nullable Bytes header, @Nullable KernelRelease release) {
        int rowCount = rowCount(unwind, ips);
        RawEntries raw = RawEntries.read(unwind, rowCount);
        OrcFormat format = new OrcFormatDetector(raw).detect(header, release, unwind);
        return checkSpan(build(format, raw, readAddresses(ips, ipsAddress, rowCount), null), ips);
    }

    /**
     * Reads a table whose addresses are final and whose format is known already, say a module's of a kernel whose own table has been
     * read.
     *
     * @throws MalformedInputException if the two do not have the same number of entries
     * @see #read(Bytes, Bytes, long, Bytes, KernelRelease)
     */
    public static OrcTable read(Bytes unwind, Bytes ips, long ipsAddress, OrcFormat format) {
        int rowCount = rowCount(unwind, ips);
        RawEntries raw = RawEntries.read(unwind, rowCount);
        return checkSpan(build(format, raw, readAddresses(ips, ipsAddress, rowCount), null), ips);
    }

    /**
     * Reads the table of a vmlinux or of a module's {@code .ko}.
     *
     * <p>Of a relocatable file, addresses are places in sections ({@link #isRelocatable}), as its relocations say. In a linked one the
     * numbers are final and the table is in order: relocations that a debug build has left beside them are for the order before that,
     * and are not applied.
     *
     * @param release the kernel's release, or null to look for it in the file; used only where there is no {@code .orc_header}
     * @throws MalformedInputException if the file has no ORC table, its two parts do not have the same number of entries, relocations
     *     are missing, or the format cannot be told for certain
     */
    public static OrcTable of(ElfFile elf, @Nullable KernelRelease release) {
        ElfSection unwindSection = section(elf, ".orc_unwind");
        ElfSection ipsSection = section(elf, ".orc_unwind_ip");
        Bytes unwind = unwindSection.data();
        Bytes ips = ipsSection.data();
        int rowCount = rowCount(unwind, ips);
        RawEntries raw = RawEntries.read(unwind, rowCount);
        Bytes header = elf.section(".orc_header").map(ElfSection::data).orElse(null);
        KernelRelease known = release != null || header != null
                ? release
                : KernelReleases.find(elf).orElse(null);
        OrcFormat format = new OrcFormatDetector(raw).detect(header, known, unwind);
        return elf.isRelocatable()
                ? build(format, raw, OrcRelocations.places(elf, ipsSection, rowCount), OrcRelocations.names(elf))
                : checkSpan(build(format, raw, readAddresses(ips, ipsSection.address(), rowCount), null), ips);
    }

    private static ElfSection section(ElfFile elf, String name) {
        ElfSection section = elf.section(name)
                .orElseThrow(() -> elf.bytes().malformed(0, "no ORC table: there is no section " + name));
        if (section.isNoBits() && section.size() != 0) {
            throw elf.bytes().malformed(section.fileOffset(), "section " + name + " has no bytes in this file");
        }
        return section;
    }

    /** The number of entries, of which each array must have just as many. */
    static int rowCount(Bytes unwind, Bytes ips) {
        long count = ips.size() / OrcFormat.IP_SIZE;
        if (ips.size() % OrcFormat.IP_SIZE != 0
                || unwind.size() % OrcFormat.ENTRY_SIZE != 0
                || unwind.size() / OrcFormat.ENTRY_SIZE != count
                || count > Integer.MAX_VALUE - 8) {
            throw unwind.malformed(
                    0,
                    "expected as many entries of " + OrcFormat.ENTRY_SIZE + " bytes as .orc_unwind_ip has of "
                            + OrcFormat.IP_SIZE + ", found " + unwind.size() + " bytes beside " + ips.size());
        }
        return (int) count;
    }

    private static long[] readAddresses(Bytes ips, long ipsAddress, int rowCount) {
        long[] addresses = new long[rowCount];
        for (int row = 0; row < rowCount; row++) {
            long at = (long) row * OrcFormat.IP_SIZE;
            addresses[row] = ipsAddress + at + ips.i32(at);
        }
        return addresses;
    }

    /** All text of a kernel lies within the 2 GiB that its code model allows. */
    private static OrcTable checkSpan(OrcTable table, Bytes ips) {
        int rows = table.size();
        if (rows > 0 && Long.compareUnsigned(table.address(rows - 1) - table.address(0), MAX_SPAN) > 0) {
            throw ips.malformed(
                    0,
                    "ORC entries from 0x" + Long.toHexString(table.address(0)) + " to 0x"
                            + Long.toHexString(table.address(rows - 1)) + ", farther apart than kernel text can be");
        }
        return table;
    }

    /** Decodes and sorts. {@code addresses} becomes the table's own. */
    static OrcTable build(OrcFormat format, RawEntries raw, long[] addresses, @Nullable SectionNames sections) {
        OrcEntry[] entries = new OrcEntry[raw.distinctCount()];
        int invalid = 0;
        for (int i = 0; i < entries.length; i++) {
            OrcEntry entry = format.decode(raw.distinct(i));
            if (entry == null) {
                invalid += raw.count(i);
                entry = OrcEntry.UNDEFINED;
            }
            entries[i] = entry;
        }
        int[] indexes = new int[addresses.length];
        boolean sorted = true;
        for (int row = 0; row < indexes.length; row++) {
            indexes[row] = raw.index(row);
            sorted &= row == 0 || !follows(addresses, indexes, entries, row - 1, row);
        }
        if (sorted) {
            return new OrcTable(format, addresses, indexes, entries, invalid, sections);
        }
        int[] order = sort(addresses, indexes, entries);
        long[] sortedAddresses = new long[order.length];
        int[] sortedIndexes = new int[order.length];
        for (int i = 0; i < order.length; i++) {
            sortedAddresses[i] = addresses[order[i]];
            sortedIndexes[i] = indexes[order[i]];
        }
        return new OrcTable(format, sortedAddresses, sortedIndexes, entries, invalid, sections);
    }

    /** Whether row a belongs after row b. */
    private static boolean follows(long[] addresses, int[] indexes, OrcEntry[] entries, int a, int b) {
        int order = Long.compareUnsigned(addresses[a], addresses[b]);
        return order > 0
                || (order == 0
                        && entries[indexes[a]].type() != OrcType.UNDEFINED
                        && entries[indexes[b]].type() == OrcType.UNDEFINED);
    }

    /** A stable merge sort of row numbers; rows are runs of sorted ones (a run a section), which it does not take apart. */
    private static int[] sort(long[] addresses, int[] indexes, OrcEntry[] entries) {
        int[] from = new int[indexes.length];
        for (int i = 0; i < from.length; i++) {
            from[i] = i;
        }
        int[] to = new int[from.length];
        for (int width = 1; width < from.length && width > 0; width *= 2) {
            for (int start = 0; start < from.length; ) {
                int middle = (int) Math.min((long) start + width, from.length);
                int end = (int) Math.min((long) middle + width, from.length);
                int left = start;
                int right = middle;
                for (int i = start; i < end; i++) {
                    boolean takeRight = left == middle
                            || (right < end && follows(addresses, indexes, entries, from[left], from[right]));
                    to[i] = takeRight ? from[right++] : from[left++];
                }
                start = end;
            }
            int[] swap = from;
            from = to;
            to = swap;
        }
        return from;
    }

    /** The format that the table was written in: for readers of other tables of the same kernel. */
    public OrcFormat format() {
        return format;
    }

    /** The number of rows. */
    public int size() {
        return addresses.length;
    }

    /**
     * Where a row begins to hold: an address; in a table of a relocatable file ({@link #isRelocatable}) the number of the section in
     * the upper 32 bits and the offset in it in the lower.
     *
     * @param row 0 to {@link #size} - 1
     */
    public long address(int row) {
        return addresses[row];
    }

    /** What a row says. */
    public OrcEntry entry(int row) {
        return entries[entryIndexes[row]];
    }

    /** Which of {@link #distinctEntries} a row has: for users that do something once for each. */
    public int entryIndex(int row) {
        return entryIndexes[row];
    }

    /** How many different entries the table has room for: one more than the greatest {@link #entryIndex}. */
    public int distinctEntries() {
        return entries.length;
    }

    /** An entry by its {@link #entryIndex}. */
    public OrcEntry distinctEntry(int entryIndex) {
        return entries[entryIndex];
    }

    /** How many rows the format does not allow; they are kept as {@link OrcEntry#UNDEFINED}. */
    public int invalidRows() {
        return invalidRows;
    }

    /** Whether addresses are offsets in sections of a file that has not been linked: a {@code .ko}. */
    public boolean isRelocatable() {
        return sections != null;
    }

    /**
     * The name of the section that a row of a relocatable file describes.
     *
     * @throws IllegalStateException if the table is of a linked file
     */
    public String sectionName(int row) {
        if (sections == null) {
            throw new IllegalStateException("a table of a linked file has addresses, not sections");
        }
        return sections.name(section(row));
    }

    /** The number of the section that a row of a relocatable file describes. */
    public int section(int row) {
        return (int) (addresses[row] >>> 32);
    }

    /** The offset in its section at which a row of a relocatable file begins to hold. */
    public long sectionOffset(int row) {
        return addresses[row] & 0xffff_ffffL;
    }

    /**
     * The row that holds at an address, or -1 if all rows begin above it.
     *
     * @param address in the terms of {@link #address}
     */
    public int find(long address) {
        int low = 0;
        int high = addresses.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(addresses[middle], address) <= 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return high;
    }
}
