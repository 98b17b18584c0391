/**
 * Samples summed up: {@link org.backstitch.cli.flame.StackTree} adds equal stacks together, {@link org.backstitch.cli.flame.FoldedStacks}
 * writes the sums as folded stacks, {@link org.backstitch.cli.flame.FlamePage} as a page for the browser.
 */
@NullMarked
package org.backstitch.cli.flame;

import org.jspecify.annotations.NullMarked;
