/** The simulated x86-64: registers and memory. */
@NullMarked
package org.backstitch.unwind.machine;

import org.jspecify.annotations.NullMarked;
