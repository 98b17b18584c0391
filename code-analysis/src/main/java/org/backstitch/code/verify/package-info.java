/** Unwind tables held against the machine code that they are for. */
@NullMarked
package org.backstitch.code.verify;

import org.jspecify.annotations.NullMarked;
