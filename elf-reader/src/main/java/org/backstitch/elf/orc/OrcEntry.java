package org.backstitch.elf.orc;

/**
 * How to get from a frame to the one before it, as one ORC entry says it, in the terms of the newest format.
 *
 * @param type the kind of frame
 * @param spRegister what the previous SP is based on; {@link OrcRegister#UNDEFINED} exactly if the type does not describe a frame
 * @param spOffset in bytes, signed 16 bits
 * @param bpRegister where the previous BP is
 * @param bpOffset in bytes, signed 16 bits
 * @param signal whether the previous frame was interrupted: its IP is exact, not a return address
 */
public record OrcEntry(
        OrcType type, OrcRegister spRegister, int spOffset, OrcRegister bpRegister, int bpOffset, boolean signal) {

    /** The entry that says that nothing is known. */
    public static final OrcEntry UNDEFINED =
            new OrcEntry(OrcType.UNDEFINED, OrcRegister.UNDEFINED, 0, OrcRegister.UNDEFINED, 0, false);

    /** The entry that says that the stack ends. */
    public static final OrcEntry END_OF_STACK =
            new OrcEntry(OrcType.END_OF_STACK, OrcRegister.UNDEFINED, 0, OrcRegister.UNDEFINED, 0, false);

    /**
     * Checks that the parts go together.
     *
     * @throws IllegalArgumentException if no entry can say this
     */
    public OrcEntry {
        if (type.describesFrame() != spRegister.locatesSp()
                || !bpRegister.locatesBp()
                || spOffset != (short) spOffset
                || bpOffset != (short) bpOffset) {
            throw new IllegalArgumentException(
                    "no ORC entry: %s sp %s%+d bp %s%+d".formatted(type, spRegister, spOffset, bpRegister, bpOffset));
        }
    }

    /** The entry in objtool's words: {@code type:call sp:sp+8 bp:prevsp-16 signal:0}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("type:").append(type.label()).append(" sp:");
        spRegister.describe(text, spOffset);
        bpRegister.describe(text.append(" bp:"), bpOffset);
        return text.append(" signal:").append(signal ? 1 : 0).toString();
    }
}
