package org.backstitch.recording;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.jspecify.annotations.Nullable;

/**
 * Turns addresses into {@link Frame}s, which it gives by their ids: one for each worker, over the {@link SymbolStore} and the
 * {@link KnownFrames} that all share.
 *
 * <p>User places are keyed by file and vaddr, so that all processes that map a file share its frames. Not thread-safe.
 */
final class FrameNamer {
    private static final String UNKNOWN = "[unknown]";

    private final SymbolStore symbols;
    private final KernelMap kernel;
    private final KnownFrames known;

    /** The frames that this worker has met, by id. */
    private @Nullable Frame[] frames = new @Nullable Frame[1 << 10];

    private final Map<ElfModule, FrameIds> idsOfFiles = new HashMap<>();
    private final FrameIds idsOfKernel = new FrameIds();
    private final Map<String, Frame> anonymous = new HashMap<>();
    private final Map<Integer, Map<Long, Frame>> jitted = new HashMap<>();

    /** Places in the kernel that no table of the boot names: other text may come there while a stream is read. */
    private final Map<Long, Frame> changing = new HashMap<>();

    private int kernelVersion;

    /** Where the last user address was. */
    private static final class Position {
        @Nullable
        Mapping mapping;

        AddressSpace space = AddressSpace.EMPTY;

        @Nullable
        ElfModule module;

        /** The module's. */
        @Nullable
        FrameIds ids;
    }

    private Position last = new Position();

    FrameNamer(SymbolStore symbols, KernelMap kernel) {
        this.symbols = symbols;
        this.known = symbols.frames();
        this.kernel = kernel;
    }

    /** Tells that addresses follow that one thread asks for: see {@link SampleResolver#beginBatch}. */
    void beginBatch() {
        last = new Position();
    }

    /** The frame of an id that this has given. */
    Frame frame(int id) {
        Frame frame = frames[id];
        if (frame == null) {
            throw new IllegalArgumentException("no frame " + id);
        }
        return frame;
    }

    private int id(Frame frame) {
        int id = frame.id();
        if (id >= frames.length) {
            frames = Arrays.copyOf(frames, Math.max(id + 1, 2 * frames.length));
        }
        frames[id] = frame;
        return id;
    }

    /** The id of a kernel address's frame. */
    int kernelFrame(long address) {
        int found = idsOfKernel.find(address);
        if (found != FrameIds.NONE) {
            return found;
        }
        Frame frame = known.find(null, address);
        if (frame == null) {
            return nameInKernel(address);
        }
        idsOfKernel.add(address, frame.id());
        return id(frame);
    }

    private int nameInKernel(long address) {
        int version = kernel.version();
        if (version != kernelVersion) {
            kernelVersion = version;
            changing.clear();
        }
        Frame changes = changing.get(address);
        if (changes != null) {
            return changes.id();
        }
        SymbolStore.Name name = symbols.kernel(address, kernel);
        Frame frame = new Frame(known.newId(), null, address, true, name.symbol(), name.distance(), name.dso());
        if (symbols.isOfBoot(address, kernel)) {
            return id(known.add(frame));
        }
        changing.put(address, frame);
        return id(frame);
    }

    /** The id of a user address's frame. */
    int userFrame(int pid, AddressSpace addressSpace, long address) {
        Position position = last;
        Mapping here = position.mapping;
        if (addressSpace != position.space || here == null || !here.contains(address)) {
            position.space = addressSpace;
            here = addressSpace.find(address);
            position.mapping = here;
        }
        ElfModule module = here == null ? null : here.module();
        if (here == null || module == null) {
            return id(frameWithoutFile(pid, here, address));
        }
        long vaddr = here.vaddr(address);
        FrameIds ids = position.ids;
        if (ids == null || module != position.module) {
            ids = idsOfFiles.computeIfAbsent(module, _ -> new FrameIds());
            position.module = module;
            position.ids = ids;
        }
        int found = ids.find(vaddr);
        return found == FrameIds.NONE ? nameInFile(here, module, vaddr, ids) : found;
    }

    private int nameInFile(Mapping here, ElfModule module, long vaddr, FrameIds ids) {
        Frame frame = known.find(module, vaddr);
        if (frame == null) {
            SymbolStore.Name name = symbols.user(module, vaddr);
            frame = known.add(
                    new Frame(known.newId(), module, vaddr, false, name.symbol(), name.distance(), here.path()));
        }
        ids.add(vaddr, frame.id());
        return id(frame);
    }

    private Frame frameWithoutFile(int pid, @Nullable Mapping here, long address) {
        boolean anonymousCode =
                here == null || !here.path().startsWith("/") || here.path().startsWith("//");
        if (anonymousCode && symbols.hasJitSymbols(pid)) {
            Map<Long, Frame> named = jitted.computeIfAbsent(pid, _ -> new HashMap<>());
            Frame frame = named.get(address);
            if (frame == null) {
                SymbolStore.Name name = symbols.jitted(pid, address);
                if (name != null) {
                    frame = new Frame(known.newId(), null, address, false, name.symbol(), name.distance(), name.dso());
                    named.put(address, frame);
                }
            }
            if (frame != null) {
                return frame;
            }
        }
        String dso = here == null || here.path().isEmpty() ? UNKNOWN : here.path();
        return anonymous.computeIfAbsent(dso, name -> new Frame(known.newId(), null, 0, false, null, 0, name));
    }
}
