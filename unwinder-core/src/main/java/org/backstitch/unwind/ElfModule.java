package org.backstitch.unwind;

import java.util.Optional;
import java.util.OptionalLong;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.BuildId;
import org.backstitch.elf.ElfConstants;
import org.backstitch.elf.ElfFile;
import org.backstitch.elf.ElfSegment;
import org.backstitch.unwind.table.CfiUnwindInfo;
import org.backstitch.unwind.table.UnwindInfo;
import org.backstitch.unwind.table.UnwindRule;
import org.jspecify.annotations.Nullable;

/**
 * An ELF file as an unwinder needs it: its rules, and its code to prove that return addresses follow calls.
 *
 * <p>One module serves every process that maps the file, wherever it maps it. Safe for any number of threads. {@link ModuleRegistry}
 * makes modules.
 */
public final class ElfModule {
    /** x86-64 addresses have 48 significant bits, or 57; no file is linked above the lower half of the former. */
    static final int VADDR_BITS = 48;

    private static final long PAGE = 4096;

    private final String name;
    private final ElfFile elf;
    private final UnwindInfo rules;
    private final CodeReader code;
    private volatile @Nullable UnwindInfo madeRules;
    private final long tag;

    /**
     * @param code is asked where the rules have no answer
     * @param id tells modules apart; 0 where the registry has run out of numbers
     */
    ElfModule(String name, ElfFile elf, UnwindInfo rules, CodeReader code, int id) {
        this.name = name;
        this.elf = elf;
        this.rules = rules;
        this.code = code;
        this.tag = (long) id << VADDR_BITS;
    }

    static ElfModule of(String name, ElfFile elf, CodeReader code, int id) {
        return new ElfModule(name, elf, CfiUnwindInfo.of(elf), code, id);
    }

    /** The file's name, for people. */
    public String name() {
        return name;
    }

    /** The file. */
    public ElfFile elf() {
        return elf;
    }

    /** The file's rules, by vaddr. */
    public UnwindInfo rules() {
        return rules;
    }

    /** Rules made from the file's code, for where {@link #rules} cover nothing; none where nobody makes any. */
    UnwindInfo madeRules() {
        UnwindInfo made = madeRules;
        if (made == null) {
            synchronized (this) {
                made = madeRules;
                if (made == null) {
                    made = code.makeRules(elf);
                    madeRules = made;
                }
            }
        }
        return made;
    }

    /** The file's build id, if it has one. */
    public Optional<BuildId> buildId() {
        return elf.buildId();
    }

    /** The module's number among those of its registry; 0 where it could be given none. */
    int id() {
        return (int) (tag >>> VADDR_BITS);
    }

    /** What makes a vaddr unique among all modules of a registry: to be added to it. 0 where no such tag could be had. */
    long tag() {
        return tag;
    }

    /**
     * The vaddr that a mapping of the file starts at.
     *
     * <p>The file offset alone does not tell: two segments can share a page of the file (lld lays them out so). A mapping that can be
     * executed comes from an executable segment.
     *
     * @param fileOffset of the mapping's first byte
     * @param executable whether the mapping can be executed
     * @return empty if no segment of the file is mapped from there
     */
    public OptionalLong vaddrOfMapping(long fileOffset, boolean executable) {
        OptionalLong fallback = OptionalLong.empty();
        for (ElfSegment segment : elf.segments()) {
            if (segment.type() != ElfConstants.PT_LOAD) {
                continue;
            }
            long pageOffset = segment.fileOffset() & -PAGE;
            long behind = segment.fileOffset() + segment.fileSize() + PAGE - 1 & -PAGE;
            if (Long.compareUnsigned(fileOffset, pageOffset) < 0 || Long.compareUnsigned(fileOffset, behind) >= 0) {
                continue;
            }
            long vaddr = (segment.vaddr() & -PAGE) + (fileOffset - pageOffset);
            if (vaddr < 0 || vaddr >>> VADDR_BITS - 1 != 0) {
                continue;
            }
            if (segment.isExecutable() == executable) {
                return OptionalLong.of(vaddr);
            }
            fallback = fallback.isPresent() ? fallback : OptionalLong.of(vaddr);
        }
        return fallback;
    }

    /**
     * Whether the bytes before a vaddr are a call instruction: {@code call rel32} or {@code call r/m64} in any of its forms; by decoding
     * them, where somebody can. Where the file does not hold the bytes, nothing is proved.
     */
    public boolean followsCall(long vaddr) {
        CodeReader.Answer answer = code.followsCall(elf, vaddr);
        if (answer != CodeReader.Answer.UNKNOWN) {
            return answer == CodeReader.Answer.YES;
        }
        for (int length = CallSites.LONGEST; length >= CallSites.SHORTEST; length--) {
            Optional<Bytes> before = elf.bytesAt(vaddr - length, length);
            if (before.isPresent()) {
                return CallSites.endsInCall(before.get());
            }
        }
        return false;
    }

    /** Whether a vaddr follows a call, or is where signal handlers return to, by the file's own table. */
    public boolean isReturnAddress(long vaddr) {
        return followsCall(vaddr) || UnwindRule.callerIsExact(rules.rule(vaddr - 1)) || isSignalReturn(vaddr);
    }

    /**
     * Whether the file holds what lies before a vaddr. Copies that were kept without their code have zeros there, more of them than any call
     * has.
     */
    public boolean holdsCodeBefore(long vaddr) {
        Bytes before = elf.bytesAt(vaddr - Long.BYTES, Long.BYTES).orElse(null);
        return before != null && before.i64(0) != 0;
    }

    private boolean isSignalReturn(long vaddr) {
        return elf.bytesAt(vaddr, Long.BYTES).map(CallSites::isSignalReturn).orElse(false);
    }

    /** Whether the bytes before a vaddr are a {@code syscall} instruction. Where the file does not hold them, nothing is proved. */
    public boolean followsSystemCall(long vaddr) {
        Bytes before = elf.bytesAt(vaddr - 2, 2).orElse(null);
        return before != null && before.u16(0) == CallSites.SYSTEM_CALL;
    }

    @Override
    public String toString() {
        return name;
    }
}
