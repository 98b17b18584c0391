/**
 * A second reading of DWARF, for comparison: slow, straight from the standard's text, and sharing no code with the product.
 *
 * <p>Programs of call frame instructions and expressions are made as objects ({@code CfaInstruction}, {@code Operation}). The assembler
 * ({@code CfiAssembler}) writes them as bytes for the product to read; the naive evaluators ({@code NaiveTable},
 * {@code NaiveExpression}, {@code NaiveStep}) read the objects.
 */
@NullMarked
package org.backstitch.unwind.reference;

import org.jspecify.annotations.NullMarked;
