package org.backstitch.elf.dwarf;

import static org.backstitch.elf.dwarf.DwarfConstants.DW_CFA_def_cfa;
import static org.backstitch.elf.dwarf.DwarfConstants.DW_CFA_def_cfa_offset;
import static org.backstitch.elf.dwarf.DwarfConstants.DW_CFA_def_cfa_register;
import static org.backstitch.elf.dwarf.DwarfConstants.DW_CFA_offset;
import static org.backstitch.elf.dwarf.DwarfConstants.DW_CFA_restore;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The states that call frame programs bring about, each once and with a number, and how instructions lead from one to another: a state
 * machine that is made while it runs.
 *
 * <p>Compilers know few ways to set up a frame: the half million rows of GCC's own code are two thousand states. Where the number of a
 * state and the bytes of an instruction have been met together before, the number of the next state is at hand: nothing is decoded,
 * and to remember a state is to remember a number.
 *
 * <p>Only {@linkplain RowState#isPlain plain} states have numbers. How many are kept is bounded; a program that leads to another is
 * executed instruction by instruction.
 */
final class RowStates {
    /** No number. */
    static final int NONE = -1;

    private static final int MAX_STATES = 1 << 16;
    private static final int MAX_STEP_BITS = 14;

    /** What of a CIE decides where an instruction leads from a state, and what a state means. */
    private record Dialect(long dataAlignment, int returnAddressRegister, boolean signalFrame, RowState initial) {}

    /** A state under a CIE. */
    private record State(int dialect, RowState rules) {}

    private final Map<Dialect, Integer> dialects = new HashMap<>();
    private final Map<CommonInformationEntry, Integer> dialectsOfCies = new HashMap<>();
    private @Nullable CommonInformationEntry lastCie;
    private int lastInitial;

    private final Map<State, Integer> numbers = new HashMap<>();
    private final List<RowState> states = new ArrayList<>();

    /**
     * The steps, direct-mapped, two longs each: the instruction's bytes; and the state that it was met in (and 1, so that none is 0) and
     * the one that it leads to. The table grows until it is large enough for them, or of its largest size.
     */
    private long[] steps = new long[1 << 9];

    private int learned;

    /**
     * How many bytes the instruction has that a word begins with.
     *
     * @param word four bytes of a program, the first of them lowest
     * @return 1 to 4; 0 if it is longer, or is none of those that prologues and epilogues are made of
     */
    static int length(int word) {
        // Branches, which the processor guesses: it needs not wait for one instruction's length to see the next.
        int opcode = word & 0xff;
        if ((opcode & 0xc0) == DW_CFA_offset || opcode == DW_CFA_def_cfa_offset || opcode == DW_CFA_def_cfa_register) {
            return (word & 0x8000) == 0 ? 2 : (word & 0x80_0000) == 0 ? 3 : 0;
        }
        if (opcode == DW_CFA_def_cfa) {
            return (word & 0x80_8000) == 0 ? 3 : (word & 0x8000_8000) == 0 ? 4 : 0;
        }
        return opcode >= DW_CFA_restore ? 1 : 0;
    }

    /** The number of the state that a CIE's own instructions leave, or {@link #NONE}. */
    int initial(CommonInformationEntry cie) {
        if (cie != lastCie) {
            lastInitial = number(cie, cie.initialState);
            lastCie = cie;
        }
        return lastInitial;
    }

    /** The state of a number: not to be changed. */
    RowState state(int number) {
        return states.get(number);
    }

    /**
     * Where an instruction is known to lead from a state; {@link #NONE} if that is not known (any more).
     *
     * @param word begins with the instruction's bytes
     * @param length how many there are
     */
    int target(int number, int word, int length) {
        long instruction = bytes(word, length);
        long[] table = steps;
        int slot = slot(number, instruction, table.length);
        long ends = table[slot + 1];
        return table[slot] == instruction && ends >>> Integer.SIZE == number + 1 ? (int) ends : NONE;
    }

    /** Learns where an instruction leads. */
    void learn(int number, int word, int length, int target) {
        if (++learned > steps.length / 8 && steps.length < 2 << MAX_STEP_BITS) {
            long[] smaller = steps;
            steps = new long[smaller.length * 2];
            learned = 0;
            for (int slot = 0; slot < smaller.length; slot += 2) {
                if (smaller[slot + 1] != 0) {
                    put(smaller[slot], smaller[slot + 1]);
                }
            }
        }
        put(bytes(word, length), (long) (number + 1) << Integer.SIZE | target);
    }

    private void put(long instruction, long ends) {
        int slot = slot((int) (ends >>> Integer.SIZE) - 1, instruction, steps.length);
        steps[slot] = instruction;
        steps[slot + 1] = ends;
    }

    private static long bytes(int word, int length) {
        return word & 0xffff_ffffL >>> Integer.SIZE - length * Byte.SIZE;
    }

    private static int slot(int number, long instruction, int size) {
        int mixed = number * 0x9e37_79b1 ^ (int) (instruction * 0x9e37_79b9_7f4a_7c15L >>> Integer.SIZE);
        return mixed >>> Integer.SIZE - MAX_STEP_BITS << 1 & size - 1;
    }

    /** The number of a state under a CIE, given now if it is new; {@link #NONE} if it cannot have one. */
    int number(CommonInformationEntry cie, RowState state) {
        if (!state.isPlain()) {
            return NONE;
        }
        State wanted = new State(dialect(cie), state);
        Integer known = numbers.get(wanted);
        if (known != null) {
            return known;
        }
        int number = states.size();
        if (number == MAX_STATES) {
            return NONE;
        }
        RowState copy = new RowState();
        copy.copyFrom(state);
        states.add(copy);
        numbers.put(new State(wanted.dialect, copy), number);
        return number;
    }

    private int dialect(CommonInformationEntry cie) {
        Integer known = dialectsOfCies.get(cie);
        if (known == null) {
            Dialect dialect = new Dialect(
                    cie.dataAlignment(), cie.returnAddressRegister(), cie.isSignalFrame(), cie.initialState);
            known = dialects.computeIfAbsent(dialect, added -> dialects.size());
            dialectsOfCies.put(cie, known);
        }
        return known;
    }
}
