package org.backstitch.code.stack;

import org.jspecify.annotations.Nullable;

/** How the stubs of procedure linkage tables are entered (System V ABI x86-64 psABI §5.2): each by calls, and once more from its own pointer. */
final class LinkageTables {
    private static final int STUB_SIZE = 16;

    /** {@code .plt.got} has stubs that are nothing but a jump. */
    private static final int SHORT_STUB_SIZE = 8;

    private LinkageTables() {}

    /** The linkage table that a region lies in, or null. */
    static ModuleCode.@Nullable Part of(DecodedCode code, int region) {
        ModuleCode.Part part = code.module().partAt(code.regions().start(region));
        return part != null && part.isLinkageTable() ? part : null;
    }

    /** Whether an instruction is a stub's first; the one that the others jump to is none. */
    static boolean isStub(DecodedCode code, ModuleCode.Part table, int instruction) {
        int offset = code.place(instruction) - table.place();
        long word = code.word(instruction);
        boolean aligned = offset % STUB_SIZE == 0
                || offset % SHORT_STUB_SIZE == 0 && Effect.operation(word) == Effect.JUMP_MEMORY;
        return aligned
                && Effect.length(word) > 0
                && !(offset == 0 && table.name().equals(".plt"));
    }

    /** Whether a jump is that of a stub whose pointer, until it is bound, leads to what lies behind it. */
    static boolean isLazy(DecodedCode code, int instruction, long word, int next) {
        ModuleCode.Part part = code.module().partAt(code.place(instruction));
        return part != null
                && part.isLinkageTable()
                && Effect.a(word) == Effect.IN_MODULE
                && code.module().initialPointerAt(Effect.n(word)) == code.place(next);
    }
}
