package org.backstitch.elf.dwarf;

import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongFunction;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSection;
import org.jspecify.annotations.Nullable;

/**
 * A section of call frame information: {@code .eh_frame} (LSB 5.0 §10.6) or {@code .debug_frame} (DWARF 5 §6.4.1).
 *
 * <p>Both hold the same entries; what differs is in {@link Flavor}. The section is read where it lies, entry by entry; only common
 * information entries are kept. Safe for any number of threads.
 *
 * {@snippet :
 * CallFrameInfo info = CallFrameInfo.of(elf).orElseThrow();
 * CallFrameInterpreter interpreter = new CallFrameInterpreter();
 * for (EntryCursor entries = info.entries(); entries.next(); ) {
 *     entries.fde().ifPresent(fde -> System.out.println(fde));
 * }
 * }
 */
public final class CallFrameInfo {
    /** What tells the two sections apart. */
    public enum Flavor {
        /** CIE identifier 0, CIE pointers relative to themselves, encoded addresses, a zero length as terminator. */
        EH_FRAME(".eh_frame"),
        /** CIE identifier all ones, CIE pointers as section offsets, plain addresses. */
        DEBUG_FRAME(".debug_frame");

        private final String sectionName;

        Flavor(String sectionName) {
            this.sectionName = sectionName;
        }

        /** The section's name. */
        public String sectionName() {
            return sectionName;
        }
    }

    private static final long EXTENDED_LENGTH = 0xffff_ffffL;

    private final Bytes section;
    private final long sectionVaddr;
    private final Flavor flavor;
    private final PointerEncoding pointers;
    private final ConcurrentHashMap<Long, CommonInformationEntry> cies = new ConcurrentHashMap<>();

    /** The common entries met last, each at a place by its offset: neighbouring functions take turns among a few. */
    private final @Nullable CommonInformationEntry[] recentCies = new CommonInformationEntry[8];

    /** What older binutils call a compressed {@code .debug_frame} ({@code -gz=zlib-gnu}). */
    private static final String COMPRESSED_DEBUG_FRAME = ".zdebug_frame";

    /**
     * @param section the section's bytes, decompressed and relocated
     * @param sectionVaddr the address that the section is linked at; 0 in relocatable files
     * @param textBase what {@code DW_EH_PE_textrel} pointers are relative to: the address of {@code .text}, or 0
     * @param dataBase what {@code DW_EH_PE_datarel} pointers are relative to: the address of {@code .got}, or 0
     * @param memory eight bytes of the file by virtual address, for indirect pointers
     */
    public CallFrameInfo(
            Bytes section,
            long sectionVaddr,
            Flavor flavor,
            long textBase,
            long dataBase,
            LongFunction<OptionalLong> memory) {
        this.section = section;
        this.sectionVaddr = sectionVaddr;
        this.flavor = flavor;
        this.pointers = new PointerEncoding(textBase, dataBase, memory);
    }

    /**
     * The section of a file that its unwinder would use: {@code .eh_frame}, found by its name, or where there are no section headers by
     * the segment {@code PT_GNU_EH_FRAME}; {@code .debug_frame} where there is none.
     */
    public static Optional<CallFrameInfo> of(ElfFile elf) {
        return of(elf, Flavor.EH_FRAME).or(() -> of(elf, Flavor.DEBUG_FRAME));
    }

    /**
     * One of the two sections of a file, if it has it with any content.
     *
     * @throws MalformedInputException if the section lies outside of the file, or its content cannot be decompressed
     */
    public static Optional<CallFrameInfo> of(ElfFile elf, Flavor flavor) {
        Optional<ElfSection> section = elf.section(flavor.sectionName())
                .or(() -> flavor == Flavor.DEBUG_FRAME ? elf.section(COMPRESSED_DEBUG_FRAME) : Optional.empty())
                .filter(found -> !found.isNoBits());
        if (section.isPresent()) {
            return Optional.of(of(elf, section.get(), flavor)).filter(info -> info.section.size() > 0);
        }
        return flavor == Flavor.EH_FRAME ? ofSegment(elf) : Optional.empty();
    }

    /** A section of a file, whatever its name. */
    public static CallFrameInfo of(ElfFile elf, ElfSection section, Flavor flavor) {
        boolean relocatable = elf.isRelocatable();
        Bytes data = relocatable ? elf.relocated(section).data() : section.data();
        return new CallFrameInfo(
                data,
                relocatable ? 0 : section.address(),
                flavor,
                addressOf(elf, ".text"),
                addressOf(elf, ".got"),
                memoryOf(elf));
    }

    private static Optional<CallFrameInfo> ofSegment(ElfFile elf) {
        Optional<Long> vaddr = EhFrameHeader.find(elf).map(EhFrameHeader::frameVaddr);
        return vaddr.flatMap(elf::bytesFrom).map(rest -> {
            CallFrameInfo open = new CallFrameInfo(rest, vaddr.get(), Flavor.EH_FRAME, 0, 0, memoryOf(elf));
            // Without a section header only its terminator says where the section ends, or the first length that cannot
            // be.
            long end = 0;
            try {
                EntryCursor entries = open.entries();
                while (entries.next() && entries.offset() == end) {
                    end = entries.next;
                }
            } catch (MalformedInputException e) {
                // What lies before it can be used.
            }
            return new CallFrameInfo(rest.slice(0, end), vaddr.get(), Flavor.EH_FRAME, 0, 0, memoryOf(elf));
        });
    }

    private static long addressOf(ElfFile elf, String section) {
        return elf.section(section).map(ElfSection::address).orElse(0L);
    }

    private static LongFunction<OptionalLong> memoryOf(ElfFile elf) {
        return vaddr -> elf.bytesAt(vaddr, Long.BYTES)
                .map(bytes -> OptionalLong.of(bytes.i64(0)))
                .orElse(OptionalLong.empty());
    }

    /** The section's bytes. */
    public Bytes section() {
        return section;
    }

    /** The address that the section is linked at. */
    public long sectionVaddr() {
        return sectionVaddr;
    }

    /** Which of the two sections it is. */
    public Flavor flavor() {
        return flavor;
    }

    PointerEncoding pointers() {
        return pointers;
    }

    /** All entries in the order of the section. Terminators in the middle are passed over: linkers leave them between inputs. */
    public EntryCursor entries() {
        return new EntryCursor();
    }

    /**
     * The function's entry at an offset, as {@code .eh_frame_hdr} names them.
     *
     * @throws MalformedInputException if there is none, or a malformed one
     */
    public FrameDescriptionEntry fdeAt(long offset) {
        return new EntryCursor().goTo(offset);
    }

    /** A walk over the entries of the section. */
    public final class EntryCursor {
        private long next;
        private long offset;
        private long idOffset;
        private long end;
        private long id;
        private boolean cie;
        private boolean extended;

        // What readFde found.
        private long start;
        private long length;
        private long augmentationData;
        private long programStart;

        private EntryCursor() {}

        /**
         * Goes to the next entry.
         *
         * @return whether there is one
         * @throws MalformedInputException if the chain of lengths leaves the section: nothing behind it can be found
         */
        public boolean next() {
            while (section.size() - next >= 4) {
                offset = next;
                long length = section.u32(offset);
                idOffset = offset + 4;
                extended = length == EXTENDED_LENGTH;
                next = section.size(); // unless the length can be believed
                if (extended) {
                    length = section.i64(idOffset);
                    idOffset += 8;
                }
                if (!section.contains(idOffset, length)) {
                    throw section.malformed(
                            offset, "an entry of 0x%x bytes, longer than the rest of the section".formatted(length));
                }
                end = idOffset + length;
                next = end;
                if (length == 0) {
                    continue;
                }
                // .eh_frame has four bytes here whatever the length's form (LSB 5.0 §10.6.1), .debug_frame has eight
                // behind a long one.
                boolean wide = extended && flavor == Flavor.DEBUG_FRAME;
                if (length < (wide ? 8 : 4)) {
                    throw section.malformed(offset, "an entry too short for its identifier");
                }
                id = wide ? section.i64(idOffset) : section.u32(idOffset);
                cie = switch (flavor) {
                    case EH_FRAME -> id == 0;
                    case DEBUG_FRAME -> id == (wide ? -1L : 0xffff_ffffL);
                };
                return true;
            }
            return false;
        }

        /** Goes to the function's entry at an offset: see {@link #fdeAt}. */
        FrameDescriptionEntry goTo(long entryOffset) {
            section.check(entryOffset, 4);
            next = entryOffset;
            if (!next() || offset != entryOffset || cie) {
                throw section.malformed(entryOffset, "expected a frame description entry");
            }
            return parseFde();
        }

        /** Where the entry lies in the section, in bytes. */
        public long offset() {
            return offset;
        }

        /** Whether the entry is a common information entry. */
        public boolean isCie() {
            return cie;
        }

        /** The entry as a function's, unless it is a common one. */
        public Optional<FrameDescriptionEntry> fde() {
            return cie ? Optional.empty() : Optional.of(parseFde());
        }

        /** The entry as a common one, unless it is a function's. */
        public Optional<CommonInformationEntry> cie() {
            return cie ? Optional.of(cieAt(offset)) : Optional.empty();
        }

        /**
         * Reads the entry as a function's; only if {@link #isCie} does not hold. Then {@link #start} and {@link #length} are known.
         *
         * @return the common entry that it completes
         * @throws MalformedInputException if it is malformed
         */
        CommonInformationEntry readFde() {
            long cieOffset = flavor == Flavor.EH_FRAME ? idOffset - (int) id : id;
            CommonInformationEntry common = cieAt(cieOffset);
            long at = idOffset + idSize();
            if (common.hasShortFields && end - at > 2 * Integer.BYTES) {
                int distance = section.i32(at);
                int augmentationLength = section.u8(at + 2 * Integer.BYTES);
                long data = at + 2 * Integer.BYTES + 1;
                if (distance != 0 && augmentationLength < 0x80 && end - data >= augmentationLength) {
                    start = sectionVaddr + at + distance;
                    length = section.u32(at + Integer.BYTES);
                    augmentationData = data;
                    programStart = data + augmentationLength;
                    return common;
                }
            }
            readLongFields(common, at);
            return common;
        }

        private void readLongFields(CommonInformationEntry common, long at) {
            Cursor in = section.cursor(at);
            in.skip(common.segmentSelectorSize);
            start = pointers.read(in, common.addressEncoding, sectionVaddr, 0);
            length = PointerEncoding.readSize(in, common.addressEncoding);
            augmentationData = -1;
            if (common.hasAugmentationData()) {
                long augmentationLength = in.uleb128();
                augmentationData = in.position();
                in.skip(augmentationLength);
            }
            programStart = in.position();
            if (programStart > end) {
                throw section.malformed(offset, "a frame description entry too short for its fields");
            }
        }

        /** The first address that the entry read last is for. */
        long start() {
            return start;
        }

        /** How many bytes of code the entry read last is for. */
        long length() {
            return length;
        }

        /** The entry as a function's; only if {@link #isCie} does not hold. */
        public FrameDescriptionEntry parseFde() {
            CommonInformationEntry common = readFde();
            return new FrameDescriptionEntry(common, offset, start, length, augmentationData, programStart, end);
        }

        private int idSize() {
            return extended && flavor == Flavor.DEBUG_FRAME ? 8 : 4;
        }

        private CommonInformationEntry parseCie() {
            CommonInformationEntry.Parsed parsed = new CommonInformationEntry.Parsed(CallFrameInfo.this, offset);
            Cursor in = section.slice(0, end).cursor(idOffset + idSize());
            long versionOffset = in.position();
            parsed.version = in.u8();
            if (parsed.version != 1 && parsed.version != 3 && parsed.version != 4) {
                throw section.malformed(versionOffset, "common information entry of version " + parsed.version);
            }
            parsed.augmentation = in.cString();
            if (parsed.augmentation.startsWith("eh")) {
                in.skip(8); // GCC 2's exception table pointer
            }
            if (parsed.version == 4) {
                int addressSize = in.u8();
                if (addressSize != 8 && addressSize != 4) {
                    throw section.malformed(in.position() - 1, "addresses of " + addressSize + " bytes");
                }
                parsed.addressEncoding =
                        addressSize == 8 ? DwarfConstants.DW_EH_PE_absptr : DwarfConstants.DW_EH_PE_udata4;
                parsed.segmentSelectorSize = in.u8();
            }
            parsed.codeAlignment = in.uleb128();
            parsed.dataAlignment = in.sleb128();
            long register = parsed.version == 1 ? in.u8() : in.uleb128();
            if (register < 0 || register >= RowState.DENSE) {
                throw section.malformed(in.position() - 1, "return address in register " + register);
            }
            parsed.returnAddressRegister = (int) register;
            if (parsed.augmentation.startsWith("z")) {
                long length = in.uleb128();
                long programStart = in.position() + length;
                parseAugmentation(parsed, in);
                in.position(programStart);
            } else if (!parsed.augmentation.isEmpty() && !parsed.augmentation.equals("eh")) {
                throw section.malformed(
                        versionOffset + 1,
                        "augmentation \"%s\", of unknown meaning and length".formatted(parsed.augmentation));
            }
            parsed.programStart = in.position();
            parsed.programEnd = end;
            return new CommonInformationEntry(parsed);
        }

        private void parseAugmentation(CommonInformationEntry.Parsed parsed, Cursor in) {
            for (char letter : parsed.augmentation.substring(1).toCharArray()) {
                switch (letter) {
                    case 'R' -> parsed.addressEncoding = in.u8();
                    case 'L' -> parsed.lsdaEncoding = in.u8();
                    case 'P' -> {
                        int encoding = in.u8();
                        if (!PointerEncoding.isOmitted(encoding)) {
                            // The personality routine itself does not matter for unwinding, only how long its pointer
                            // is.
                            pointers.read(in, encoding & ~DwarfConstants.DW_EH_PE_indirect, sectionVaddr, 0);
                        }
                    }
                    case 'S' -> parsed.signalFrame = true;
                    case 'B', 'G' -> {
                        // AArch64's pointer authentication key and memory tagging: flags without data.
                    }
                    default -> {
                        // Unknown letters and all behind them are passed over: 'z' says how long their data is.
                        return;
                    }
                }
            }
        }
    }

    /**
     * The common information entry at an offset.
     *
     * @throws MalformedInputException if there is none, or a malformed one
     */
    public CommonInformationEntry cieAt(long offset) {
        int place = (int) (offset ^ offset >>> 3 ^ offset >>> 6) & recentCies.length - 1;
        CommonInformationEntry recent = recentCies[place]; // immutable, so whatever another thread puts there is whole
        if (recent != null && recent.offset() == offset) {
            return recent;
        }
        CommonInformationEntry found = cies.get(offset);
        if (found == null) {
            EntryCursor entry = new EntryCursor();
            section.check(offset, 4);
            entry.next = offset;
            if (!entry.next() || entry.offset != offset || !entry.cie) {
                throw section.malformed(offset, "expected a common information entry");
            }
            found = entry.parseCie();
            cies.put(offset, found);
        }
        recentCies[place] = found;
        return found;
    }
}
