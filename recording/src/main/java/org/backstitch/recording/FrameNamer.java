package org.backstitch.recording;

import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import org.backstitch.unwind.AddressSpace;
import org.backstitch.unwind.ElfModule;
import org.backstitch.unwind.Mapping;
import org.jspecify.annotations.Nullable;

/**
 * Turns addresses into {@link Frame}s, each distinct place once: one for each worker, over the {@link SymbolStore} that all share.
 *
 * <p>User places are keyed by file and vaddr, so that all processes that map a file share its frames. Not thread-safe.
 */
final class FrameNamer {
    private static final String UNKNOWN = "[unknown]";

    private final SymbolStore symbols;
    private final KernelMap kernel;

    /** Open addressing; a null frame is a free place. At most half full. */
    private long[] keys = new long[1 << 12];

    private @Nullable Frame[] frames = new @Nullable Frame[1 << 12];
    private int count;
    private int nextId;

    private final IdentityHashMap<ElfModule, Integer> moduleNumbers = new IdentityHashMap<>();
    private final Map<String, Frame> anonymous = new HashMap<>();
    private final Map<Integer, Map<Long, Frame>> jitted = new HashMap<>();

    /** Places in the kernel that no table of the boot names: other text may come there while a stream is read. */
    private final Map<Long, Frame> changing = new HashMap<>();

    private int kernelVersion;

    private @Nullable Mapping mapping;
    private AddressSpace space = AddressSpace.EMPTY;
    private @Nullable ElfModule lastModule;
    private long lastModuleKey;

    FrameNamer(SymbolStore symbols, KernelMap kernel) {
        this.symbols = symbols;
        this.kernel = kernel;
    }

    /** The frame of a kernel address. */
    Frame kernelFrame(long address) {
        int place = find(address);
        Frame known = frames[place];
        if (known != null) {
            return known;
        }
        int version = kernel.version();
        if (version != kernelVersion) {
            kernelVersion = version;
            changing.clear();
        }
        Frame changes = changing.get(address);
        if (changes != null) {
            return changes;
        }
        SymbolStore.Name name = symbols.kernel(address, kernel);
        Frame frame = new Frame(nextId++, true, name.symbol(), name.distance(), name.dso());
        if (symbols.isOfBoot(address, kernel)) {
            return add(place, address, frame);
        }
        changing.put(address, frame);
        return frame;
    }

    /** The frame of a user address. */
    Frame userFrame(int pid, AddressSpace addressSpace, long address) {
        Mapping here = mapping;
        if (addressSpace != space || here == null || !here.contains(address)) {
            space = addressSpace;
            here = addressSpace.find(address);
            mapping = here;
        }
        ElfModule module = here == null ? null : here.module();
        if (here == null || module == null) {
            return frameWithoutFile(pid, here, address);
        }
        long vaddr = here.vaddr(address);
        long key = vaddr + keyOf(module);
        int place = find(key);
        Frame known = frames[place];
        if (known != null) {
            return known;
        }
        SymbolStore.Name name = symbols.user(module, vaddr);
        return add(place, key, new Frame(nextId++, false, name.symbol(), name.distance(), here.path()));
    }

    /** What makes a vaddr unique among files. */
    private long keyOf(ElfModule module) {
        if (module != lastModule) {
            lastModule = module;
            Integer number = moduleNumbers.computeIfAbsent(module, _ -> moduleNumbers.size() + 1);
            lastModuleKey = (long) number << 48;
        }
        return lastModuleKey;
    }

    private Frame frameWithoutFile(int pid, @Nullable Mapping here, long address) {
        boolean anonymousCode =
                here == null || !here.path().startsWith("/") || here.path().startsWith("//");
        if (anonymousCode && symbols.hasJitSymbols(pid)) {
            Map<Long, Frame> known = jitted.computeIfAbsent(pid, _ -> new HashMap<>());
            Frame frame = known.get(address);
            if (frame == null) {
                SymbolStore.Name name = symbols.jitted(pid, address);
                if (name != null) {
                    frame = new Frame(nextId++, false, name.symbol(), name.distance(), name.dso());
                    known.put(address, frame);
                }
            }
            if (frame != null) {
                return frame;
            }
        }
        String dso = here == null || here.path().isEmpty() ? UNKNOWN : here.path();
        return anonymous.computeIfAbsent(dso, name -> new Frame(nextId++, false, null, 0, name));
    }

    private int find(long key) {
        int mask = keys.length - 1;
        int place = (int) (key * 0x9e37_79b9_7f4a_7c15L >>> 40) & mask;
        while (frames[place] != null && keys[place] != key) {
            place = place + 1 & mask;
        }
        return place;
    }

    private Frame add(int place, long key, Frame frame) {
        keys[place] = key;
        frames[place] = frame;
        count++;
        if (count * 2 > keys.length) {
            grow();
        }
        return frame;
    }

    private void grow() {
        long[] oldKeys = keys;
        @Nullable Frame[] oldFrames = frames;
        keys = new long[oldKeys.length * 2];
        frames = Arrays.copyOf(new @Nullable Frame[0], oldKeys.length * 2);
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldFrames[i] != null) {
                int place = find(oldKeys[i]);
                keys[place] = oldKeys[i];
                frames[place] = oldFrames[i];
            }
        }
    }
}
