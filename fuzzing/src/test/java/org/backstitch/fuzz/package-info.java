/**
 * Fuzz targets: one class for each reader of data from strangers, and one for each walk.
 *
 * <p>A target feeds bytes to the product and asserts what must hold whatever they are: nothing but a
 * {@link org.backstitch.bytes.MalformedInputException} leaves a reader, everything ends, memory is bounded by the input, what is read
 * twice is equal, and a walk says why it ended. In the ordinary build they run over their seeds, over the inputs that campaigns kept, and
 * over every past finding; {@code tools/fuzz} runs a campaign.
 */
@NullMarked
package org.backstitch.fuzz;

import org.jspecify.annotations.NullMarked;
