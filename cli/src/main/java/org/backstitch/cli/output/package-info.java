/**
 * What commands write with: {@link org.backstitch.cli.output.Output} is a buffer of UTF-8 text, {@link
 * org.backstitch.cli.output.JsonLines} writes records into it as JSON objects, {@link org.backstitch.cli.output.PlainText} makes text
 * from strangers' files safe for a line.
 */
@NullMarked
package org.backstitch.cli.output;

import org.jspecify.annotations.NullMarked;
