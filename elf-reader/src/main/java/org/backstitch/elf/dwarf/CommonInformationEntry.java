package org.backstitch.elf.dwarf;

/**
 * A common information entry: what several functions' entries share (DWARF 5 §6.4.1; for {@code .eh_frame} LSB 5.0 §10.6.1).
 *
 * <p>Immutable.
 */
public final class CommonInformationEntry {
    final CallFrameInfo info;
    private final long offset;
    private final int version;
    private final String augmentation;
    private final long codeAlignment;
    private final long dataAlignment;
    private final int returnAddressRegister;
    final int addressEncoding;
    final int lsdaEncoding;
    final int segmentSelectorSize;
    private final boolean signalFrame;
    final long programStart;
    final long programEnd;
    final RowState initialState;

    /**
     * Whether entries begin as compilers have them for code below 2 GiB: a distance of four bytes, a length of four, and augmentation data
     * of a length that is told.
     */
    final boolean hasShortFields;

    /** What rows of functions begin with, as {@link PlainRows} has it, or {@link PlainRows#NO_WORD}. */
    final long initialWord;

    CommonInformationEntry(Parsed parsed) {
        info = parsed.info;
        offset = parsed.offset;
        version = parsed.version;
        augmentation = parsed.augmentation;
        codeAlignment = parsed.codeAlignment;
        dataAlignment = parsed.dataAlignment;
        returnAddressRegister = parsed.returnAddressRegister;
        addressEncoding = parsed.addressEncoding;
        lsdaEncoding = parsed.lsdaEncoding;
        segmentSelectorSize = parsed.segmentSelectorSize;
        signalFrame = parsed.signalFrame;
        programStart = parsed.programStart;
        programEnd = parsed.programEnd;
        initialState = CallFrameInterpreter.initialState(this);
        hasShortFields = addressEncoding == (DwarfConstants.DW_EH_PE_pcrel | DwarfConstants.DW_EH_PE_sdata4)
                && segmentSelectorSize == 0
                && hasAugmentationData();
        initialWord = PlainRows.initialWord(this);
    }

    /** The fields of an entry while it is read. */
    static final class Parsed {
        final CallFrameInfo info;
        final long offset;
        int version;
        String augmentation = "";
        long codeAlignment;
        long dataAlignment;
        int returnAddressRegister;
        int addressEncoding = DwarfConstants.DW_EH_PE_absptr;
        int lsdaEncoding = DwarfConstants.DW_EH_PE_omit;
        int segmentSelectorSize;
        boolean signalFrame;
        long programStart;
        long programEnd;

        Parsed(CallFrameInfo info, long offset) {
            this.info = info;
            this.offset = offset;
        }
    }

    /** Where the entry lies in its section, in bytes. */
    public long offset() {
        return offset;
    }

    /** 1 or 3 in {@code .eh_frame}; 1, 3 or 4 in {@code .debug_frame}. */
    public int version() {
        return version;
    }

    /** The augmentation string, for instance {@code zPLR}. */
    public String augmentation() {
        return augmentation;
    }

    /** What the operands of {@code DW_CFA_advance_loc} are multiplied by. */
    public long codeAlignment() {
        return codeAlignment;
    }

    /** What factored offsets are multiplied by: -8 on x86-64. */
    public long dataAlignment() {
        return dataAlignment;
    }

    /** The column that stands for the return address: 16 on x86-64. */
    public int returnAddressRegister() {
        return returnAddressRegister;
    }

    /** Augmentation {@code S}: the frame was set up by the kernel for a signal, and its caller was interrupted rather than calling. */
    public boolean isSignalFrame() {
        return signalFrame;
    }

    /** Whether functions' entries carry augmentation data (augmentation {@code z}). */
    boolean hasAugmentationData() {
        return augmentation.startsWith("z");
    }

    @Override
    public String toString() {
        return "CIE 0x%x \"%s\"".formatted(offset, augmentation);
    }
}
