/**
 * Dumps of memory: what is common to core dumps of processes and crash dumps of kernels.
 *
 * <p>{@link org.backstitch.dump.ExtentMap} says which bytes of a file hold which addresses; {@link org.backstitch.dump.PrStatus} are
 * the registers that both kinds of dump keep in their notes. Kernel crash dumps are in {@link org.backstitch.dump.kernel}.
 */
@NullMarked
package org.backstitch.dump;

import org.jspecify.annotations.NullMarked;
