/**
 * Small copies of what a recording needs to be unwound and named elsewhere: {@link org.backstitch.cli.pack.SlimElf} of the files
 * that were mapped, {@link org.backstitch.cli.pack.SlimKallsyms} of the kernel's symbols.
 */
@NullMarked
package org.backstitch.cli.pack;

import org.jspecify.annotations.NullMarked;
