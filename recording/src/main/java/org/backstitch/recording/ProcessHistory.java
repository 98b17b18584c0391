package org.backstitch.recording;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Mapping;
import org.jspecify.annotations.Nullable;

/**
 * What a process had mapped, at any moment of the recording.
 *
 * <p>A list of changes in the order in which they happened; the address space of a moment is made when a sample asks for it, from the
 * one made last if that is not later. Changes are added by one thread; after that, any number may ask.
 */
final class ProcessHistory {
    /** One thing that happened to the address space. */
    private sealed interface Change {
        /** A mapping, looked for when it is first asked for. */
        final class Map implements Change {
            final MappedRange range;
            private @Nullable Mapping found;
            private int generation;

            Map(MappedRange range) {
                this.range = range;
            }

            Mapping mapping(ModuleFinder modules) {
                Mapping known = found;
                if (known == null || generation != modules.generation()) {
                    known = modules.mapping(range);
                    found = known;
                    generation = modules.generation();
                }
                return known;
            }
        }

        /** Nothing counts that was before it. */
        sealed interface Beginning extends Change {
            /** What is mapped right after it. */
            AddressSpace space();
        }

        /** A new program: all is gone. */
        record Exec() implements Beginning {
            @Override
            public AddressSpace space() {
                return AddressSpace.EMPTY;
            }
        }

        /** The process began as a copy of another, as that was after {@code version} changes. */
        record Copy(ProcessHistory parent, int version) implements Beginning {
            @Override
            public AddressSpace space() {
                return parent.version(version);
            }
        }

        /** The same, where the copies of copies would go too deep. */
        record Fixed(AddressSpace space) implements Beginning {}
    }

    /** The address space after {@code version} changes. */
    private record Snapshot(int version, AddressSpace space) {}

    private static final int SNAPSHOTS = 8;

    /** How many copies of copies are followed back to the first process. */
    private static final int DEEPEST = 64;

    private final ModuleFinder modules;
    private final List<Change> changes = new ArrayList<>();
    private long[] times = new long[8];
    private long[] offsets = new long[8];
    private final @Nullable Snapshot[] snapshots = new @Nullable Snapshot[SNAPSHOTS];
    private int oldest;
    private int depth;

    ProcessHistory(ModuleFinder modules) {
        this.modules = modules;
    }

    void map(long time, long offset, MappedRange range) {
        add(time, offset, new Change.Map(range));
    }

    void exec(long time, long offset) {
        add(time, offset, new Change.Exec());
    }

    void copy(long time, long offset, ProcessHistory parent) {
        int version = parent.changes.size();
        depth = parent.depth + 1;
        if (depth > DEEPEST) {
            depth = 0;
            add(time, offset, new Change.Fixed(parent.version(version)));
        } else {
            add(time, offset, new Change.Copy(parent, version));
        }
    }

    private void add(long time, long offset, Change change) {
        int size = changes.size();
        if (size == times.length) {
            times = Arrays.copyOf(times, size * 2);
            offsets = Arrays.copyOf(offsets, size * 2);
        }
        times[size] = time;
        offsets[size] = offset;
        changes.add(change);
    }

    /** The address space as it was for a record: after all that happened before its time, or at its time and before it in the file. */
    AddressSpace at(long time, long offset) {
        return version(versionAt(time, offset));
    }

    /** How many changes happened before a record. */
    int versionAt(long time, long offset) {
        int low = 0;
        int high = changes.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            int order = Long.compareUnsigned(times[middle], time);
            if (order < 0 || order == 0 && offsets[middle] < offset) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** How far a process that a record belongs to is from its last {@code execve}. */
    enum Program {
        /** It runs the program that it was forked with, or started with. */
        FIRST,
        /** It was within {@code execve}: the old program was gone, and not all of the new one was mapped. The vDSO comes last. */
        BEING_REPLACED,
        /** A new program was mapped completely. */
        REPLACED
    }

    /** What a process was doing with its program when a record was written. */
    Program program(long time, long offset) {
        boolean complete = false;
        for (int i = versionAt(time, offset) - 1; i >= 0; i--) {
            Change change = changes.get(i);
            if (change instanceof Change.Map map) {
                complete |= map.range.path().equals(ModuleFinder.VDSO);
            } else if (change instanceof Change.Exec) {
                return complete ? Program.REPLACED : Program.BEING_REPLACED;
            } else {
                return Program.FIRST;
            }
        }
        return Program.FIRST;
    }

    private AddressSpace version(int version) {
        for (Snapshot snapshot : snapshots) {
            if (snapshot != null && snapshot.version == version) {
                return snapshot.space; // what a snapshot says does not change, whoever made it
            }
        }
        // One lock for all histories: a history may ask its parent's.
        synchronized (modules) {
            return versionLocked(version);
        }
    }

    private AddressSpace versionLocked(int version) {
        Snapshot best = null;
        for (Snapshot snapshot : snapshots) {
            if (snapshot != null && snapshot.version <= version && (best == null || snapshot.version > best.version)) {
                best = snapshot;
            }
        }
        if (best != null && best.version == version) {
            return best.space;
        }
        AddressSpace space = best == null ? AddressSpace.EMPTY : best.space;
        int from = best == null ? 0 : best.version;
        int beginning = beginning(version);
        if (beginning >= from) {
            from = beginning;
            space = AddressSpace.EMPTY;
        }
        List<Mapping> mapped = new ArrayList<>();
        for (Change change : changes.subList(from, version)) {
            if (change instanceof Change.Map map) {
                mapped.add(map.mapping(modules));
            } else if (change instanceof Change.Beginning first) {
                mapped.clear();
                space = first.space();
            }
        }
        space = space.with(mapped);
        snapshots[oldest] = new Snapshot(version, space);
        oldest = (oldest + 1) % SNAPSHOTS;
        return space;
    }

    /** The place of the change before {@code version} from which on nothing counts that was before it; 0 if there is none. */
    private int beginning(int version) {
        for (int i = version - 1; i > 0; i--) {
            if (!(changes.get(i) instanceof Change.Map)) {
                return i;
            }
        }
        return 0;
    }
}
