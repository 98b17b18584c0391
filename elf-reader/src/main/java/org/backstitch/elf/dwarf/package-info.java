/** Call frame information as DWARF 5 §6.4 and the LSB define it. */
@NullMarked
package org.backstitch.elf.dwarf;

import org.jspecify.annotations.NullMarked;
