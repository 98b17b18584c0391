/** Benchmarks: what the figures in the README come from. */
@NullMarked
package org.backstitch.bench;

import org.jspecify.annotations.NullMarked;
