package org.backstitch.elf.internal;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A value that is computed when it is first asked for, at most once, and then shared by all threads.
 *
 * <p>A computation that throws leaves the value unset: each caller sees the exception, and the next one computes again.
 */
public final class Lazy<T> {
    private final Supplier<T> computation;
    private volatile @Nullable T value;

    public Lazy(Supplier<T> computation) {
        this.computation = computation;
    }

    /** The value, computed now if nobody asked before. */
    public T get() {
        T present = value;
        return present != null ? present : compute();
    }

    private synchronized T compute() {
        T present = value;
        if (present == null) {
            present = computation.get();
            value = present;
        }
        return present;
    }
}
