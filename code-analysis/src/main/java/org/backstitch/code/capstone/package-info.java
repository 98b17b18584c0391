/**
 * The disassembler library Capstone, bound through {@link java.lang.foreign}: as much of it as following the stack through x86-64
 * code needs.
 *
 * <p>{@link org.backstitch.code.capstone.Capstone} is one disassembler; it decodes one instruction after the other into its one
 * {@link org.backstitch.code.capstone.Instruction}, a view of Capstone's own structure whose parts are read only when asked for. So
 * decoding allocates nothing on the Java side. Cores 4 and 5 differ in the numbers they give to instructions and in where the parts
 * of their structures lie; neither difference is visible behind these two classes: instructions are known by
 * {@link org.backstitch.code.capstone.Operation}, registers by their DWARF numbers.
 *
 * {@snippet :
 * try (Capstone capstone = Capstone.open()) {
 *     capstone.start(code, address);
 *     while (capstone.next()) {
 *         IO.println(capstone.instruction());
 *     }
 * }
 * }
 */
@NullMarked
package org.backstitch.code.capstone;

import org.jspecify.annotations.NullMarked;
