/** perf.data files. */
@NullMarked
package org.backstitch.perf;

import org.jspecify.annotations.NullMarked;
