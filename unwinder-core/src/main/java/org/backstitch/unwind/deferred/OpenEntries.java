package org.backstitch.unwind.deferred;

import java.util.Arrays;

/**
 * The entries to the kernel that a {@link Stitcher} knows: found by task and cookie, by task, and by process, each in constant time;
 * and in the order of their last use, those that samples wait for apart from the rest. Parallel arrays of primitives that grow by
 * doubling up to a bound.
 */
final class OpenEntries {
    static final int BYTES = 85;
    static final int NONE = -1;

    private static final byte CLAIMED = 1;
    private static final byte EXITED = 2;
    private static final byte SUPERSEDED = 4;

    private final int max;
    private int size;
    private int used;
    private int firstFree = NONE;

    private int[] pids = new int[16];
    private int[] tids = new int[16];
    private long[] cookies = new long[16];
    private long[] chains = new long[16];
    private long[] lossesBefore = new long[16];
    private int[] firstWaiting = new int[16];
    private int[] lastWaiting = new int[16];
    private byte[] flags = new byte[16];

    private final Buckets byKey = new Buckets();
    private final Buckets byTask = new Buckets();
    private final Buckets byProcess = new Buckets();

    /** Links of the two lists by last use: 0 of the entries that nothing waits for, 1 of the others. */
    private int[] newer = new int[16];

    private int[] older = new int[16];
    private final int[] oldest = {NONE, NONE};
    private final int[] newest = {NONE, NONE};

    OpenEntries(int max) {
        this.max = max;
    }

    int size() {
        return size;
    }

    boolean isFull() {
        return size == max;
    }

    /** The entry of this task and cookie, or {@link #NONE}. */
    int find(int tid, long cookie) {
        for (int entry = byKey.first(hash(tid, cookie)); entry != NONE; entry = byKey.next(entry)) {
            if (tids[entry] == tid && cookies[entry] == cookie) {
                return entry;
            }
        }
        return NONE;
    }

    /** Adds an entry; there must be room, and none of this task and cookie. */
    int add(int pid, int tid, long cookie) {
        int entry = firstFree;
        if (entry != NONE) {
            firstFree = newer[entry];
        } else {
            if (used == tids.length) {
                grow();
            }
            entry = used++;
        }
        size++;
        pids[entry] = pid;
        tids[entry] = tid;
        cookies[entry] = cookie;
        chains[entry] = Stitcher.NO_CHAIN;
        lossesBefore[entry] = 0;
        firstWaiting[entry] = NONE;
        lastWaiting[entry] = NONE;
        flags[entry] = 0;
        insert(entry);
        append(entry);
        return entry;
    }

    void remove(int entry) {
        byKey.remove(hash(tids[entry], cookies[entry]), entry);
        byTask.remove(hash(tids[entry]), entry);
        byProcess.remove(hash(pids[entry]), entry);
        unlink(entry, list(entry));
        newer[entry] = firstFree;
        firstFree = entry;
        size--;
    }

    /** The newest entry of a task, or {@link #NONE}. */
    int firstOfTask(int tid) {
        return ofTask(byTask.first(hash(tid)), tid);
    }

    /** The entry of the same task that was added before this one, or {@link #NONE}. */
    int nextOfTask(int entry) {
        return ofTask(byTask.next(entry), tids[entry]);
    }

    private int ofTask(int entry, int tid) {
        int found = entry;
        while (found != NONE && tids[found] != tid) {
            found = byTask.next(found);
        }
        return found;
    }

    int firstOfProcess(int pid) {
        return ofProcess(byProcess.first(hash(pid)), pid);
    }

    int nextOfProcess(int entry) {
        return ofProcess(byProcess.next(entry), pids[entry]);
    }

    private int ofProcess(int entry, int pid) {
        int found = entry;
        while (found != NONE && pids[found] != pid) {
            found = byProcess.next(found);
        }
        return found;
    }

    /** The entry to forget first: the longest unused of those that nothing waits for, else of the others; NONE if there is none. */
    int leastUseful() {
        return oldest[0] != NONE ? oldest[0] : oldest[1];
    }

    long chain(int entry) {
        return chains[entry];
    }

    void setChain(int entry, long chain) {
        chains[entry] = chain;
    }

    boolean isClaimed(int entry) {
        return (flags[entry] & CLAIMED) != 0;
    }

    void claim(int entry) {
        flags[entry] |= CLAIMED;
    }

    boolean hasExited(int entry) {
        return (flags[entry] & EXITED) != 0;
    }

    void setExited(int entry) {
        flags[entry] |= EXITED;
    }

    /** Whether the task had gone on to another entry before whatever ends this one. */
    boolean isSuperseded(int entry) {
        return (flags[entry] & SUPERSEDED) != 0;
    }

    void supersede(int entry) {
        flags[entry] |= SUPERSEDED;
    }

    /** How many losses had been announced when the first of the samples that wait now was taken. */
    long lossesBefore(int entry) {
        return lossesBefore[entry];
    }

    void setLossesBefore(int entry, long losses) {
        lossesBefore[entry] = losses;
    }

    /** The ticket of the oldest sample that waits for this entry, or {@link #NONE}. */
    int firstWaiting(int entry) {
        return firstWaiting[entry];
    }

    int lastWaiting(int entry) {
        return lastWaiting[entry];
    }

    /** Sets who waits, from the oldest to the newest, and makes this the entry that was used last. */
    void setWaiting(int entry, int first, int last) {
        unlink(entry, list(entry));
        firstWaiting[entry] = first;
        lastWaiting[entry] = last;
        append(entry);
    }

    /** Makes this the entry that was used last. */
    void touch(int entry) {
        setWaiting(entry, firstWaiting[entry], lastWaiting[entry]);
    }

    private int list(int entry) {
        return firstWaiting[entry] == NONE ? 0 : 1;
    }

    private void append(int entry) {
        int list = list(entry);
        older[entry] = newest[list];
        newer[entry] = NONE;
        if (newest[list] == NONE) {
            oldest[list] = entry;
        } else {
            newer[newest[list]] = entry;
        }
        newest[list] = entry;
    }

    private void unlink(int entry, int list) {
        if (older[entry] == NONE) {
            oldest[list] = newer[entry];
        } else {
            newer[older[entry]] = newer[entry];
        }
        if (newer[entry] == NONE) {
            newest[list] = older[entry];
        } else {
            older[newer[entry]] = older[entry];
        }
    }

    private void insert(int entry) {
        byKey.insert(hash(tids[entry], cookies[entry]), entry);
        byTask.insert(hash(tids[entry]), entry);
        byProcess.insert(hash(pids[entry]), entry);
    }

    private static int hash(int id) {
        int mixed = id * 0x9e37_79b9;
        return mixed ^ mixed >>> 15;
    }

    private static int hash(int tid, long cookie) {
        long mixed = (cookie ^ (long) tid << 17) * 0x9e37_79b9_7f4a_7c15L;
        return (int) (mixed ^ mixed >>> 32);
    }

    /** Called only when every place is taken by an entry in use. */
    private void grow() {
        int capacity = 2 * tids.length;
        pids = Arrays.copyOf(pids, capacity);
        tids = Arrays.copyOf(tids, capacity);
        cookies = Arrays.copyOf(cookies, capacity);
        chains = Arrays.copyOf(chains, capacity);
        lossesBefore = Arrays.copyOf(lossesBefore, capacity);
        firstWaiting = Arrays.copyOf(firstWaiting, capacity);
        lastWaiting = Arrays.copyOf(lastWaiting, capacity);
        flags = Arrays.copyOf(flags, capacity);
        newer = Arrays.copyOf(newer, capacity);
        older = Arrays.copyOf(older, capacity);
        // A task's entries must stay in the order in which they were added, and places are not in that order.
        int[] byAge = byTask.inOrder(used);
        byKey.resize(capacity);
        byTask.resize(capacity);
        byProcess.resize(capacity);
        for (int i = used - 1; i >= 0; i--) {
            insert(byAge[i]);
        }
    }

    /** A hash table of entries with separate chains: the newest entry of a bucket first. */
    private static final class Buckets {
        private int[] heads = empty(16);
        private int[] next = new int[16];
        private int[] previous = new int[16];

        private static int[] empty(int capacity) {
            int[] heads = new int[capacity];
            Arrays.fill(heads, NONE);
            return heads;
        }

        void resize(int capacity) {
            heads = empty(capacity);
            next = new int[capacity];
            previous = new int[capacity];
        }

        int first(int hash) {
            return heads[hash & (heads.length - 1)];
        }

        int next(int entry) {
            return next[entry];
        }

        void insert(int hash, int entry) {
            int bucket = hash & (heads.length - 1);
            next[entry] = heads[bucket];
            previous[entry] = NONE;
            if (heads[bucket] != NONE) {
                previous[heads[bucket]] = entry;
            }
            heads[bucket] = entry;
        }

        void remove(int hash, int entry) {
            if (previous[entry] == NONE) {
                heads[hash & (heads.length - 1)] = next[entry];
            } else {
                next[previous[entry]] = next[entry];
            }
            if (next[entry] != NONE) {
                previous[next[entry]] = previous[entry];
            }
        }

        /** All {@code count} entries, bucket by bucket, the newest of each first. */
        int[] inOrder(int count) {
            int[] entries = new int[count];
            int i = 0;
            for (int head : heads) {
                for (int entry = head; entry != NONE; entry = next[entry]) {
                    entries[i++] = entry;
                }
            }
            return entries;
        }
    }
}
