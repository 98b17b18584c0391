/** ELF64 files as mapped, lazily read models. */
@NullMarked
package org.backstitch.elf;

import org.jspecify.annotations.NullMarked;
