/**
 * Names for code addresses.
 *
 * <p>A {@link org.backstitch.symbols.SymbolIndex} finds the symbol of an address without allocating:
 * {@link org.backstitch.symbols.SymbolTable} those of an ELF file, {@link org.backstitch.symbols.Kallsyms} and
 * {@link org.backstitch.symbols.KernelSymbols} those of a kernel, {@link org.backstitch.symbols.PerfMap} those of code that a JIT
 * compiler made. {@link org.backstitch.symbols.Demangler} turns what compilers call a function into what its author called it.
 *
 * {@snippet :
 * SymbolTable symbols = SymbolTable.of(ElfFile.map(Path.of("/usr/bin/python3"), arena));
 * int symbol = symbols.find(vaddr);
 * if (symbol != SymbolIndex.NONE) {
 *     String frame = demangler.demangle(symbols.name(symbol)) + "+0x" + Long.toHexString(vaddr - symbols.start(symbol));
 * }
 * }
 */
@NullMarked
package org.backstitch.symbols;

import org.jspecify.annotations.NullMarked;
