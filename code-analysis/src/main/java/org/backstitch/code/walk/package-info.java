/** What walks over stacks ask of machine code: rules where tables have none, and whether a return address follows a call. */
@NullMarked
package org.backstitch.code.walk;

import org.jspecify.annotations.NullMarked;
