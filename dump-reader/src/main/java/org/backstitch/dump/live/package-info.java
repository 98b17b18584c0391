/** Running threads, held for a moment and copied: the only part of this module that talks to other processes. */
@NullMarked
package org.backstitch.dump.live;

import org.jspecify.annotations.NullMarked;
