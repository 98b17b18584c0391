/**
 * The kernel's ORC tables ("oops rewind capability"): for every address of kernel text, where the previous frame is.
 *
 * <p>The kernel's build tool objtool follows every path through the code and writes two arrays: {@code .orc_unwind_ip}, the addresses
 * at which something changes, and {@code .orc_unwind}, six bytes each that say what holds from there on. The format has changed four
 * times; {@link org.backstitch.elf.orc.OrcFormat} knows how. {@link org.backstitch.elf.orc.OrcTable} is a table of any version, in
 * the terms of the newest: {@link org.backstitch.elf.orc.OrcEntry}. {@link org.backstitch.elf.orc.OrcText} prints one as objtool
 * does.
 */
@NullMarked
package org.backstitch.elf.orc;

import org.jspecify.annotations.NullMarked;
