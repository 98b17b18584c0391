/**
 * Unwind rows made from machine code alone, for code that has none.
 *
 * <p>{@link org.backstitch.code.synthesis.FunctionStarts} says where functions begin,
 * {@link org.backstitch.code.synthesis.Synthesizer} follows them and makes a {@link org.backstitch.code.synthesis.FrameRow} of each state
 * that is known well enough, {@link org.backstitch.code.synthesis.FrameWriter} writes the rows as {@code .eh_frame}: the one form that
 * everything else here is made from, our compiled table and ORC entries ({@link org.backstitch.code.synthesis.OrcConversion}) too.
 */
@NullMarked
package org.backstitch.code.synthesis;

import org.jspecify.annotations.NullMarked;
