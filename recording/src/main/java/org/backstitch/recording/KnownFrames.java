package org.backstitch.recording;

import java.util.concurrent.atomic.AtomicInteger;
import org.backstitch.unwind.ElfModule;
import org.jspecify.annotations.Nullable;

/**
 * The frames of all distinct places that have been named, for all workers: so each place is named once. A worker comes here when it first
 * meets a place. Thread-safe, and to find a frame takes no lock.
 *
 * <p>An open-addressed hash table. A frame says itself which place it is of, so that a reader need not trust what another thread is just
 * writing: it may miss a frame, and then finds it when it comes to add its own.
 */
final class KnownFrames {
    private final AtomicInteger lastId = new AtomicInteger();
    private volatile Table table = new Table(1 << 12);

    /** A number that no frame has yet. */
    int newId() {
        return lastId.getAndIncrement();
    }

    /** What hashes of places in a file are mixed with. */
    static long salt(@Nullable ElfModule module) {
        return module == null ? 0 : (long) module.hashCode() << 32;
    }

    /**
     * The frame of a place, or null if none is found.
     *
     * @param module the file; null for the kernel
     * @param vaddr the address in it
     */
    @Nullable
    Frame find(@Nullable ElfModule module, long vaddr) {
        return find(module, vaddr, salt(module));
    }

    /** The same, whatever the file's {@link #salt} is taken to be: two files may have the same. */
    @Nullable
    Frame find(@Nullable ElfModule module, long vaddr, long salt) {
        return table.find(module, vaddr, salt);
    }

    /** Adds the frame of a place, unless another thread has done so in the meantime; gives the one that the place has. */
    synchronized Frame add(Frame frame) {
        Frame other = find(frame.module, frame.vaddr);
        if (other != null) {
            return other;
        }
        if (table.isFull()) {
            table = table.grown();
        }
        table.add(frame);
        return frame;
    }

    private static final class Table {
        /** The hash of each frame, 0 where there is none: other frames need not be looked at. */
        private final long[] hashes;

        private final @Nullable Frame[] frames;
        private int count;

        Table(int capacity) {
            hashes = new long[capacity];
            frames = new @Nullable Frame[capacity];
        }

        private static long hash(long vaddr, long salt) {
            return (vaddr ^ salt) * 0x9e37_79b9_7f4a_7c15L | 1;
        }

        private int first(long hash) {
            return (int) (hash >>> 40) & hashes.length - 1;
        }

        private int next(int place) {
            return place + 1 & hashes.length - 1;
        }

        @Nullable
        Frame find(@Nullable ElfModule module, long vaddr, long salt) {
            long hash = hash(vaddr, salt);
            int place = first(hash);
            for (long here = hashes[place]; here != 0; here = hashes[place]) {
                if (here == hash) {
                    Frame frame = frames[place];
                    if (frame != null && frame.vaddr == vaddr && frame.module == module) {
                        return frame;
                    }
                }
                place = next(place);
            }
            return null;
        }

        boolean isFull() {
            return count * 2 >= hashes.length;
        }

        void add(Frame frame) {
            long hash = hash(frame.vaddr, salt(frame.module));
            int place = first(hash);
            while (hashes[place] != 0) {
                place = next(place);
            }
            frames[place] = frame;
            hashes[place] = hash;
            count++;
        }

        Table grown() {
            Table large = new Table(2 * hashes.length);
            for (Frame frame : frames) {
                if (frame != null) {
                    large.add(frame);
                }
            }
            return large;
        }
    }
}
