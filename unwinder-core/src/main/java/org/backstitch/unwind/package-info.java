/** The unwinders, and what they walk through. */
@NullMarked
package org.backstitch.unwind;

import org.jspecify.annotations.NullMarked;
