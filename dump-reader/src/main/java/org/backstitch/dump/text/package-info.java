/** Lines of text files that a stack is kept in: what {@code /proc} prints, and what snapshots hold. Not exported. */
@NullMarked
package org.backstitch.dump.text;

import org.jspecify.annotations.NullMarked;
