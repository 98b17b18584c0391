package org.backstitch.unwind.deferred.simulation;

import java.util.ArrayList;
import java.util.List;
import org.backstitch.bytes.Bytes;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.KernelCallchain;
import org.backstitch.unwind.KernelStacks;
import org.backstitch.unwind.KernelUnwinder;
import org.backstitch.unwind.Mapping;
import org.backstitch.unwind.ModuleRegistry;
import org.backstitch.unwind.UserUnwinder;
import org.backstitch.unwind.machine.Memory;
import org.backstitch.unwind.machine.Registers;
import org.backstitch.unwind.machine.StackDump;
import org.backstitch.unwind.machine.X86_64;

/**
 * What many runs share: the program file that simulated tasks run, its compiled unwind tables, and the walkers
 * through stacks. Not
 * thread-safe: one a thread.
 */
public final class SimulatedSystem {
    private final UserImage image = new UserImage();
    private final ElfModule module =
            new ModuleRegistry().module("program", ElfFile.of(Bytes.of(image.file(), "program")));
    private final UserUnwinder unwinder = new UserUnwinder();
    private final Callchain chain = new Callchain();
    private final Registers registers = new Registers();
    private final StackDump noDump = new StackDump();
    private final List<AddressSpace> spaces = new ArrayList<>();

    /** The memory of the kernel whose stack is being walked: one walker, with its cache, serves all runs. */
    private Memory kernelMemory = new KernelStackMemory();

    private final KernelUnwinder kernelUnwinder = new KernelUnwinder(KernelFunction.RULES, new Memory() {
        @Override
        public boolean isReadable(long address, int length) {
            return kernelMemory.isReadable(address, length);
        }

        @Override
        public long readLong(long address) {
            return kernelMemory.readLong(address);
        }

        @Override
        public Absence absence(long address) {
            return kernelMemory.absence(address);
        }
    });
    private final KernelCallchain kernelChain = new KernelCallchain();

    /** Assembles the program and compiles its tables. */
    public SimulatedSystem() {}

    UserImage image() {
        return image;
    }

    /** The program file: a complete ELF image with code, call frame information and symbols, for whoever wants to name frames. */
    public byte[] programFile() {
        return image.file();
    }

    /** The first address of the simulated kernel's text. */
    public static long kernelTextStart() {
        return KernelFunction.TEXT;
    }

    /** The size of the simulated kernel's text, in bytes. */
    public static long kernelTextSize() {
        return KernelFunction.values().length * (long) KernelFunction.SIZE;
    }

    /** The simulated kernel's symbols, as {@code /proc/kallsyms} lists them. */
    public static String kallsyms() {
        StringBuilder text = new StringBuilder();
        text.append("%016x T _text\n".formatted(KernelFunction.TEXT));
        for (KernelFunction function : KernelFunction.values()) {
            text.append("%016x t %s\n".formatted(function.start(), function.symbol()));
        }
        text.append("%016x T _etext\n".formatted(kernelTextStart() + kernelTextSize()));
        return text.toString();
    }

    /** A walk through the user stack of a task, by the real unwinder. */
    UserChain unwind(int task, UserContext user, Memory memory, int maxFrames) {
        for (int register = 0; register < X86_64.COUNT; register++) {
            registers.set(register, user.register(register));
        }
        noDump.clear(user.register(X86_64.RSP));
        chain.limit(maxFrames);
        unwinder.unwind(spaceAt(user.base()), registers, noDump, memory, chain);
        long[] pcs = new long[chain.size()];
        for (int i = 0; i < pcs.length; i++) {
            pcs[i] = chain.pc(i);
        }
        return UserChain.of(task, user, Addresses.of(pcs), chain.stop());
    }

    /** A walk through a kernel stack, by the real unwinder, from saved registers. */
    Addresses unwindKernel(Memory memory, long registersAddress, KernelStacks stacks) {
        kernelMemory = memory;
        kernelUnwinder.walkSavedRegisters(registersAddress, stacks, kernelChain);
        long[] pcs = new long[kernelChain.size()];
        for (int i = 0; i < pcs.length; i++) {
            pcs[i] = kernelChain.pc(i);
        }
        return Addresses.of(pcs);
    }

    private AddressSpace spaceAt(long base) {
        for (AddressSpace space : spaces) {
            if (space.mappings().getFirst().start() == base + UserImage.textOffset()) {
                return space;
            }
        }
        long start = base + UserImage.textOffset();
        AddressSpace space = AddressSpace.EMPTY.with(
                new Mapping(start, start + image.textSize(), UserImage.textOffset(), true, "program", module));
        spaces.add(space);
        return space;
    }
}
