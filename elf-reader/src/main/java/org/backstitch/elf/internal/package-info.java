/** What the readers of this module share and nobody else sees: lazy values and decompression into bounded memory. */
@NullMarked
package org.backstitch.elf.internal;

import org.jspecify.annotations.NullMarked;
