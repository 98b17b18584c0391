package org.backstitch.recording;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.backstitch.perf.MappingCursor;
import org.backstitch.perf.PerfFile;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.Mapping;
import org.jspecify.annotations.Nullable;

/**
 * What a process had mapped, at any moment of the recording.
 *
 * <p>Of each change its time and the place of its record are kept. A mapping's record is read when a sample asks for the address space of a
 * moment behind it, which is made from the one made last if that is not later. Changes are added by one thread; after that, any number
 * may ask.
 */
final class ProcessHistory {
    /** A change before which nothing counts; all others are mappings. */
    private sealed interface Beginning {
        /** What is mapped right after it. */
        AddressSpace space();

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

    private static final int NONE = -1;

    private final PerfFile file;
    private final ModuleFinder modules;

    /** Of each change. */
    private long[] times = new long[8];

    private long[] offsets = new long[8];
    private int size;

    /** The changes that are beginnings, and which these are. */
    private final List<Beginning> beginnings = new ArrayList<>();

    private int[] beginningVersions = new int[2];

    // Written by several threads without a lock: what one of them misses it makes itself.

    /** The mappings that were read, each in the place of its change; of the generation below. */
    private @Nullable Mapping[] found = {};

    private int generation;
    private final @Nullable Snapshot[] snapshots = new @Nullable Snapshot[SNAPSHOTS];

    private int oldest;
    private int depth;

    ProcessHistory(PerfFile file, ModuleFinder modules) {
        this.file = file;
        this.modules = modules;
        this.generation = modules.generation();
    }

    /** Something is mapped, as the record at {@code offset} tells, which is whole. */
    void map(long time, long offset) {
        if (size == times.length) {
            times = Arrays.copyOf(times, size * 2);
            offsets = Arrays.copyOf(offsets, size * 2);
        }
        times[size] = time;
        offsets[size] = offset;
        size++;
    }

    void exec(long time, long offset) {
        begin(time, offset, new Beginning.Exec());
    }

    void copy(long time, long offset, ProcessHistory parent) {
        int version = parent.size;
        depth = parent.depth + 1;
        if (depth > DEEPEST) {
            depth = 0;
            begin(time, offset, new Beginning.Fixed(parent.version(version)));
        } else {
            begin(time, offset, new Beginning.Copy(parent, version));
        }
    }

    private void begin(long time, long offset, Beginning beginning) {
        int known = beginnings.size();
        if (known == beginningVersions.length) {
            beginningVersions = Arrays.copyOf(beginningVersions, known * 2);
        }
        beginningVersions[known] = size;
        beginnings.add(beginning);
        map(time, offset);
    }

    /** The address space as it was for a record: after all that happened before its time, or at its time and before it in the file. */
    AddressSpace at(long time, long offset) {
        return version(versionAt(time, offset));
    }

    /** How many changes happened before a record. */
    int versionAt(long time, long offset) {
        int low = 0;
        int high = size;
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
        int version = versionAt(time, offset);
        int begun = lastBeginning(version);
        if (begun == NONE || !(beginnings.get(begun) instanceof Beginning.Exec)) {
            return Program.FIRST;
        }
        MappingCursor mapping = file.mappings();
        for (int i = version - 1; i > beginningVersions[begun]; i--) {
            mapping.moveTo(offsets[i]);
            if (mapping.fileName().equals(ModuleFinder.VDSO)) {
                return Program.REPLACED;
            }
        }
        return Program.BEING_REPLACED;
    }

    private AddressSpace version(int version) {
        Snapshot best = null;
        for (Snapshot snapshot : snapshots) {
            if (snapshot != null && snapshot.version <= version && (best == null || snapshot.version > best.version)) {
                best = snapshot;
            }
        }
        if (best != null && best.version == version) {
            return best.space;
        }
        Snapshot made = new Snapshot(version, make(version, best));
        int place = oldest;
        snapshots[place] = made;
        oldest = (place + 1) % SNAPSHOTS;
        return made.space;
    }

    private AddressSpace make(int version, @Nullable Snapshot earlier) {
        AddressSpace space = earlier == null ? AddressSpace.EMPTY : earlier.space;
        int from = earlier == null ? 0 : earlier.version;
        int begun = lastBeginning(version);
        if (begun != NONE && beginningVersions[begun] >= from) {
            space = beginnings.get(begun).space();
            from = beginningVersions[begun] + 1;
        }
        List<Mapping> mapped = new ArrayList<>(version - from);
        @Nullable Mapping[] known = found(version);
        MappingCursor cursor = file.mappings();
        for (int i = from; i < version; i++) {
            Mapping mapping = known[i];
            if (mapping == null) {
                cursor.moveTo(offsets[i]);
                mapping = modules.mapping(MappedRange.of(cursor));
                known[i] = mapping;
            }
            mapped.add(mapping);
        }
        return space.with(mapped);
    }

    /** Room for the mappings of the first {@code version} changes, with those that are known and not out of date. */
    private @Nullable Mapping[] found(int version) {
        @Nullable Mapping[] known = found;
        int current = modules.generation();
        if (generation != current || known.length < version) {
            known = generation == current ? Arrays.copyOf(known, times.length) : new @Nullable Mapping[times.length];
            generation = current;
            found = known;
        }
        return known;
    }

    /** Which beginning is the last of the first {@code version} changes. */
    private int lastBeginning(int version) {
        int last = Arrays.binarySearch(beginningVersions, 0, beginnings.size(), version);
        return last < 0 ? -last - 2 : last - 1;
    }
}
