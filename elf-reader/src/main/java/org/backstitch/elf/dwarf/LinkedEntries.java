package org.backstitch.elf.dwarf;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.Optional;
import org.backstitch.bytes.MalformedInputException;

/**
 * The entries of a section in the order of the linker's search table ({@code .eh_frame_hdr}): by ascending address, without sorting and
 * without reading any twice.
 *
 * <p>The table is not believed: it must name as many entries as the section has, each of them one of the section's, and they must ascend
 * and not overlap. Then it says what an {@link FdeIndex} would, and only then all entries are given.
 *
 * <p>All of the section is read, so it is copied once: numbers in an array are read faster than in a mapped file.
 */
public final class LinkedEntries {
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** Larger sections, in bytes, are not copied. */
    private static final int MAX_SIZE = 1 << 28;

    /** Where the address of the code, its length and the length of the augmentation lie in an entry with short fields. */
    private static final int START = 2 * Integer.BYTES;

    private static final int LENGTH = 3 * Integer.BYTES;
    private static final int AUGMENTATION = 4 * Integer.BYTES;

    private final EhFrameHeader header;
    private final CallFrameInfo info;

    /** The section, and behind it the room that {@link PlainRows} wants. */
    private final byte[] section;

    /** Where entries start in the section, in bytes. */
    private final BitSet offsets;

    private LinkedEntries(EhFrameHeader header, CallFrameInfo info, byte[] section, BitSet offsets) {
        this.header = header;
        this.info = info;
        this.section = section;
        this.offsets = offsets;
    }

    /** The entries of a section, if the table may be in order: it has as many as there are. */
    static Optional<LinkedEntries> of(EhFrameHeader header, CallFrameInfo info) {
        if (header.count() == 0 || info.section().size() > MAX_SIZE) {
            return Optional.empty();
        }
        int size = (int) info.section().size();
        byte[] section = new byte[size + PlainRows.ROOM];
        info.section().copyTo(section, 0, size);
        BitSet offsets = new BitSet(size);
        boolean isWhole = collect(section, size, offsets);
        return isWhole && offsets.cardinality() == header.count()
                ? Optional.of(new LinkedEntries(header, info, section, offsets))
                : Optional.empty();
    }

    /** Marks where the functions' entries start; false if anything is not as linkers write it, which the index knows what to do with. */
    private static boolean collect(byte[] section, int size, BitSet offsets) {
        int at = 0;
        while (size - at >= Long.BYTES) {
            long head = (long) LONG.get(section, at);
            long length = head & 0xffff_ffffL;
            long id = head >>> Integer.SIZE;
            if (length != 0) { // else it is a terminator
                if (length < Integer.BYTES || length > size - at - Integer.BYTES) {
                    return false;
                }
                if (id != 0) { // else it is a common information entry
                    offsets.set(at);
                }
            }
            at += Integer.BYTES + (int) length;
        }
        return size - at < Integer.BYTES || (int) INT.get(section, at) == 0;
    }

    /**
     * Goes through all entries.
     *
     * @param maxSpan how far apart the first address and the last end may be, in bytes
     */
    public Cursor entries(long maxSpan) {
        return new Cursor(maxSpan);
    }

    /** A walk over the entries, by ascending address. */
    public final class Cursor {
        private final long maxSpan;
        private final byte[] pairs = header.pairs();
        private final long headerVaddr = header.vaddr();
        private final long lowest = header.start(0);
        private long highest = lowest;
        private int nextPair;
        private boolean inOrder = true;

        private int offset;
        private long initialWord;
        private long start;
        private long length;
        private int programStart;
        private int programEnd;

        private Cursor(long maxSpan) {
            this.maxSpan = maxSpan;
        }

        /**
         * Goes to the next entry.
         *
         * @return whether there is one: not behind the last, nor where it turns out that they are not {@linkplain #isInOrder in order}
         */
        public boolean next() {
            if (!inOrder || nextPair == pairs.length) {
                return false;
            }
            long pair = (long) LONG.get(pairs, nextPair);
            nextPair += Long.BYTES;
            inOrder = read(headerVaddr + (int) (pair >>> Integer.SIZE)) && isNext(headerVaddr + (int) pair);
            highest = start + length;
            return inOrder;
        }

        /**
         * Whether the table was in order so far: it is not where entries are malformed, or too far apart, either. Then what was given is
         * not to be used.
         */
        public boolean isInOrder() {
            return inOrder;
        }

        /** Of two pairs for one entry the second would start where the first does, and so overlap it. */
        private boolean isNext(long startInTable) {
            long end = start + length;
            return start == startInTable
                    && start != 0
                    && Long.compareUnsigned(start, highest) >= 0
                    && Long.compareUnsigned(end, start) > 0
                    && Long.compareUnsigned(end - lowest, maxSpan) <= 0;
        }

        /** Reads the entry at an address; false if there is none, or a malformed one: the index counts it. */
        private boolean read(long vaddr) {
            long at = vaddr - info.sectionVaddr();
            if (at < 0 || at >= section.length || !offsets.get((int) at)) {
                return false;
            }
            offset = (int) at;
            try {
                int idOffset = offset + Integer.BYTES;
                CommonInformationEntry cie = info.cieAt(idOffset - (int) INT.get(section, idOffset));
                initialWord = cie.initialWord;
                programEnd = idOffset + (int) INT.get(section, offset);
                if (!cie.hasShortFields || !readShortFields()) {
                    take(fde());
                }
                return true;
            } catch (MalformedInputException e) {
                return false;
            }
        }

        private boolean readShortFields() {
            if (programEnd - offset <= AUGMENTATION) {
                return false;
            }
            int distance = (int) INT.get(section, offset + START);
            int augmentationLength = section[offset + AUGMENTATION];
            start = info.sectionVaddr() + offset + START + distance;
            length = (int) INT.get(section, offset + LENGTH) & 0xffff_ffffL;
            programStart = offset + AUGMENTATION + 1 + augmentationLength;
            return distance != 0 && augmentationLength >= 0 && programStart <= programEnd;
        }

        private void take(FrameDescriptionEntry fde) {
            start = fde.start();
            length = fde.length();
            programStart = (int) fde.programStart;
        }

        /** The first address that the entry is for. */
        public long start() {
            return start;
        }

        /** How many bytes of code the entry is for: at least 1. */
        public long length() {
            return length;
        }

        /** The address behind the code. */
        public long end() {
            return start + length;
        }

        /** The entry, as an object. */
        public FrameDescriptionEntry fde() {
            return info.fdeAt(offset);
        }

        /** What its rows begin with: {@link CommonInformationEntry#initialWord}. */
        long initialWord() {
            return initialWord;
        }

        /** The section that the entry's program is in, from {@link #programStart} to {@link #programEnd}. */
        byte[] code() {
            return section;
        }

        int programStart() {
            return programStart;
        }

        int programEnd() {
            return programEnd;
        }
    }
}
