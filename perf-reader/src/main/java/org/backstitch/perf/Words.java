package org.backstitch.perf;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The little-endian words of a perf.data file. Records are only mostly aligned: their strings and raw data may not be. */
final class Words {
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Words() {}
}
