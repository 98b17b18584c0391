/** Unwind rules and the tables that hold them. */
@NullMarked
package org.backstitch.unwind.table;

import org.jspecify.annotations.NullMarked;
