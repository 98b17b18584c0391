/** A small copy of the kernel's symbols that a recording needs to be named elsewhere. */
@NullMarked
package org.backstitch.cli.pack;

import org.jspecify.annotations.NullMarked;
