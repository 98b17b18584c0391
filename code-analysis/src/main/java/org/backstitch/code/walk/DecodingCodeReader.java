package org.backstitch.code.walk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.code.capstone.Capstone;
import org.backstitch.code.capstone.CapstoneUnavailableException;
import org.backstitch.code.capstone.Operation;
import org.backstitch.code.stack.MissingCode;
import org.backstitch.code.synthesis.Synthesizer;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.dwarf.CallFrameInfo;
import org.backstitch.elf.dwarf.FdeIndex;
import org.backstitch.elf.dwarf.FrameDescriptionEntry;
import org.backstitch.unwind.CodeReader;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.UnwindInfo;
import org.jspecify.annotations.Nullable;

/**
 * Reads code for walks by Capstone, which is opened when the first question comes. Safe for any number of threads, which wait for one
 * another; answers are kept by those who ask.
 *
 * <p>Whether a call is in front of an address is found out by decoding its function from the start, where a table tells it: then there is
 * no doubt where instructions begin. Elsewhere a call that ends there is looked for, whatever comes before it.
 */
public final class DecodingCodeReader implements CodeReader, AutoCloseable {
    private static final int SHORTEST_CALL = 2;
    private static final int LONGEST_INSTRUCTION = 15;

    /** Functions are decoded from the start up to so many bytes. */
    private static final long LONGEST_FUNCTION = 1 << 24;

    private final boolean makesRules;
    private final Map<ElfFile, Optional<FdeIndex>> tables = new HashMap<>();

    /** Why files got no rules. */
    private final Set<String> refusals = new TreeSet<>();

    private @Nullable Capstone capstone;
    private boolean unavailable;

    /**
     * A reader that has not opened Capstone yet.
     *
     * @param makesRules whether it makes rules; else it only looks for calls
     */
    public DecodingCodeReader(boolean makesRules) {
        this.makesRules = makesRules;
    }

    /**
     * Opens Capstone now.
     *
     * @throws CapstoneUnavailableException if there is none; the message says what to install
     */
    public synchronized void open() {
        if (capstone == null) {
            capstone = Capstone.open();
        }
    }

    private @Nullable Capstone capstone() {
        if (capstone == null && !unavailable) {
            try {
                capstone = Capstone.open();
            } catch (CapstoneUnavailableException e) {
                unavailable = true; // Then there is nobody to ask, which is an answer.
            }
        }
        return capstone;
    }

    @Override
    public synchronized UnwindInfo makeRules(ElfFile elf) {
        Capstone disassembler = makesRules ? capstone() : null;
        if (disassembler == null) {
            return UnwindInfo.empty();
        }
        try {
            return CfiUnwindInfo.of(
                    Synthesizer.synthesize(elf, disassembler, null, false).elf());
        } catch (MalformedInputException e) {
            refusals.add(String.valueOf(e.getMessage()));
            return UnwindInfo.empty(); // A file without code, say: nothing can be made of it.
        }
    }

    /** Of the files that rules were wanted of and none could be made: each one's name, and why; in order. */
    public synchronized List<String> refusals() {
        return List.copyOf(refusals);
    }

    @Override
    public synchronized Answer followsCall(ElfFile elf, long vaddr) {
        Capstone disassembler = capstone();
        if (disassembler == null) {
            return Answer.UNKNOWN;
        }
        try {
            if (isHole(elf, vaddr)) {
                return Answer.UNKNOWN;
            }
            FdeIndex table =
                    tables.computeIfAbsent(elf, DecodingCodeReader::table).orElse(null);
            FrameDescriptionEntry function = table == null ? null : table.find(vaddr - 1);
            if (function != null && vaddr - function.start() <= LONGEST_FUNCTION) {
                Answer answer = decode(elf, function.start(), vaddr, disassembler);
                if (answer != Answer.UNKNOWN) {
                    return answer;
                }
            }
            return findCall(elf, vaddr, disassembler);
        } catch (MalformedInputException e) {
            return Answer.UNKNOWN;
        }
    }

    /** Whether all bytes in front of an address are zeros: no call has so many, so the file is one without its code. */
    private static boolean isHole(ElfFile elf, long vaddr) {
        Bytes before = elf.bytesAt(vaddr - Long.BYTES, Long.BYTES).orElse(null);
        return before != null && before.i64(0) == 0;
    }

    private static Optional<FdeIndex> table(ElfFile elf) {
        try {
            return CallFrameInfo.of(elf).map(FdeIndex::new);
        } catch (MalformedInputException e) {
            return Optional.empty();
        }
    }

    /** Decodes a function up to an address; unknown if that cannot be done. */
    private static Answer decode(ElfFile elf, long start, long vaddr, Capstone disassembler) {
        Bytes code = elf.bytesAt(start, vaddr - start).orElse(null);
        if (code == null) {
            return Answer.UNKNOWN;
        }
        try (Arena arena = Arena.ofConfined()) {
            disassembler.start(Capstone.nativeCode(code, arena), start);
            boolean call = false;
            while (disassembler.position() != vaddr && disassembler.next()) {
                call = isCall(disassembler);
            }
            // Data, an instruction that is newer than the disassembler, or code that is not there.
            if (disassembler.position() != vaddr || !call && MissingCode.hasHole(code)) {
                return Answer.UNKNOWN;
            }
            return call ? Answer.YES : Answer.NO;
        }
    }

    /** Whether one instruction that ends at an address is a call, by trying all lengths. */
    private static Answer findCall(ElfFile elf, long vaddr, Capstone disassembler) {
        boolean any = false;
        try (Arena arena = Arena.ofConfined()) {
            for (int length = SHORTEST_CALL; length <= LONGEST_INSTRUCTION; length++) {
                Bytes code = elf.bytesAt(vaddr - length, length).orElse(null);
                if (code != null) {
                    any = true;
                    MemorySegment segment = Capstone.nativeCode(code, arena);
                    disassembler.start(segment, vaddr - length);
                    if (disassembler.next() && disassembler.position() == vaddr && isCall(disassembler)) {
                        return Answer.YES;
                    }
                }
            }
        }
        return any ? Answer.NO : Answer.UNKNOWN;
    }

    private static boolean isCall(Capstone disassembler) {
        Operation operation = disassembler.instruction().operation();
        return operation == Operation.CALL || operation == Operation.LCALL;
    }

    @Override
    public synchronized void close() {
        if (capstone != null) {
            capstone.close();
        }
    }
}
