/** How {@code verify} prints what it finds. */
@NullMarked
package org.backstitch.cli.verify;

import org.jspecify.annotations.NullMarked;
