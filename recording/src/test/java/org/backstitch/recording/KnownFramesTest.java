package org.backstitch.recording;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.ModuleRegistry;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class KnownFramesTest {
    private final KnownFrames frames = new KnownFrames();

    private Frame frame(@Nullable ElfModule module, long vaddr) {
        return new Frame(frames.newId(), module, vaddr, module == null, "f", 0, "dso");
    }

    private @Nullable Frame find(@Nullable ElfModule module, long vaddr) {
        return frames.find(module, vaddr);
    }

    @Test
    void placesAreToldApartByFileAndAddress() throws IOException {
        Path library = Path.of(System.getProperty("java.home"), "lib", "libjava.so");
        try (Arena arena = Arena.ofConfined()) {
            ModuleRegistry registry = new ModuleRegistry();
            ElfModule one = registry.module("one", ElfFile.map(library, arena));
            ElfModule other = registry.module("other", ElfFile.map(library, arena));
            // The same number for the hash, of two places.
            long alike = 0x1000 ^ KnownFrames.salt(one) ^ KnownFrames.salt(other);
            Frame inOne = frames.add(frame(one, 0x1000));
            assertNull(find(other, 0x1000));
            assertNull(find(other, alike));
            assertNull(find(null, 0x1000));
            Frame inOther = frames.add(frame(other, alike));
            assertSame(inOne, find(one, 0x1000));
            assertSame(inOther, find(other, alike));
            // As if both files had one number.
            assertNull(frames.find(other, 0x1000, KnownFrames.salt(one)));
        }
    }

    @Test
    void aPlaceHasOneFrame() {
        Frame first = frames.add(frame(null, 0xffff_ffff_8100_0000L));
        assertSame(first, frames.add(frame(null, 0xffff_ffff_8100_0000L)));
        assertSame(first, find(null, 0xffff_ffff_8100_0000L));
    }

    /** Several threads that ask and add while the table grows agree about every frame. */
    @Test
    void manyThreads() throws InterruptedException, ExecutionException {
        int places = 50_000;
        Callable<List<Frame>> namesAll = () -> LongStream.range(0, places)
                .mapToObj(vaddr -> {
                    Frame known = find(null, vaddr);
                    return known == null ? frames.add(frame(null, vaddr)) : known;
                })
                .toList();
        Map<Long, Frame> seen = new HashMap<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<List<Frame>>> all = threads.invokeAll(
                    IntStream.range(0, 4).mapToObj(_ -> namesAll).toList());
            for (Future<List<Frame>> one : all) {
                List<Frame> named = one.get();
                for (int vaddr = 0; vaddr < places; vaddr++) {
                    Frame frame = named.get(vaddr);
                    assertEquals(vaddr, frame.vaddr);
                    Frame other = seen.putIfAbsent((long) vaddr, frame);
                    assertSame(other == null ? frame : other, frame);
                }
            }
        }
        assertEquals(places, seen.values().stream().map(Frame::id).distinct().count());
    }
}
