/**
 * The one reader under every format: a bounds-checked little-endian view of bytes that a stranger wrote.
 *
 * <p>{@link org.backstitch.bytes.Bytes} is such a view, usually of a memory-mapped file; it knows the name of its source and where
 * in that source it lies, so that whatever is wrong can be said exactly. {@link org.backstitch.bytes.Cursor} walks over one.
 * {@link org.backstitch.bytes.MalformedInputException} is how every reader of Backstitch says that its input is not what the
 * format promises.
 *
 * {@snippet :
 * try (Arena arena = Arena.ofShared()) {
 *     Bytes file = Bytes.map(Path.of("/bin/true"), arena);
 *     int machine = file.u16(18); // e_machine: 62 is x86-64
 * }
 * }
 */
@NullMarked
package org.backstitch.bytes;

import org.jspecify.annotations.NullMarked;
