package org.backstitch.dump.kernel;

import java.util.OptionalLong;

/** Where a kernel's symbols are in its dump. */
@FunctionalInterface
interface SymbolAddresses {
    /**
     * The address of a symbol, KASLR included. Of a per-CPU variable it is what {@code __per_cpu_offset} is added to: linked from zero
     * until 6.14, since then inside of the image, moving with it.
     *
     * @return empty if no such symbol is known
     */
    OptionalLong address(String name);

    /** These symbols, and where they know nothing, {@code other}. */
    default SymbolAddresses or(SymbolAddresses other) {
        return name -> {
            OptionalLong here = address(name);
            return here.isPresent() ? here : other.address(name);
        };
    }
}
