/**
 * Kernel crash dumps.
 *
 * @see org.backstitch.dump.kernel.KernelDump
 */
@NullMarked
package org.backstitch.dump.kernel;

import org.jspecify.annotations.NullMarked;
