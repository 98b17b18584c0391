package org.backstitch.dump.kernel;

import java.util.OptionalLong;
import org.backstitch.bytes.MalformedInputException;

/**
 * What is needed to read a kernel's data structures: its memory, its types, and where its symbols are. Belongs to one thread, as the
 * memory does.
 *
 * <p>No offset of any structure is known to the program; all come from the kernel's own type information. A structure or member that
 * every kernel has is "required": kernels without it are refused by the name of what is missing.
 */
record Kernel(KernelMemory memory, Btf types, SymbolAddresses symbols, String source) {

    /** The structure {@code name}, or a refusal. */
    Btf.Struct struct(String name) {
        Btf.Struct struct = types.struct(name);
        if (struct == null) {
            throw missing("no structure " + name);
        }
        return struct;
    }

    /** The member {@code path} of {@code struct}, or a refusal; {@code structName} is for the message. */
    Btf.Member member(Btf.Struct struct, String structName, String path) {
        Btf.Member member = struct.member(path);
        if (member == null) {
            throw missing("no member " + structName + "." + path);
        }
        return member;
    }

    /** The byte offset of a member, or a refusal. */
    long offset(String structName, String path) {
        return member(struct(structName), structName, path).offset();
    }

    /** The address of a symbol in the dump, or a refusal. */
    long symbol(String name) {
        OptionalLong address = symbols.address(name);
        if (address.isEmpty()) {
            throw new MalformedInputException(source, 0, "the kernel's symbols lack " + name);
        }
        return address.getAsLong();
    }

    /** Whether the {@code length} bytes at {@code address} are in the dump. */
    boolean isReadable(long address, int length) {
        return memory.isReadable(address, length);
    }

    /** The number in the member at {@code address}; its bytes must be readable. */
    long read(long address, Btf.Member member) {
        return memory.read(address + member.offset(), Math.clamp(member.size(), 1, Long.BYTES));
    }

    /** Whether the dump holds {@code member} of the structure at {@code address}. */
    boolean isReadable(long address, Btf.Member member) {
        return memory.isReadable(address + member.offset(), Math.clamp(member.size(), 1, Long.BYTES));
    }

    private MalformedInputException missing(String what) {
        return new MalformedInputException(source, 0, "the kernel's type information has " + what);
    }
}
