package org.backstitch.unwind.deferred;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.IntRange;

/** The two joins against slow and obvious ones, on random histories. */
class JoinPropertiesTest {
    enum Kind {
        SAMPLE,
        REQUEST,
        RECORD,
        EXEC,
        EXIT,
        LAST_EXIT,
        FORK
    }

    /** Something that happens in task {@code task} of process {@code task / 2}. */
    record Happening(Kind kind, int task, int cookie) {
        int pid() {
            return task / 2;
        }
    }

    @Provide
    Arbitrary<List<Happening>> anything() {
        return Combinators.combine(
                        Arbitraries.frequency(
                                Tuple.of(3, Kind.SAMPLE),
                                Tuple.of(10, Kind.REQUEST),
                                Tuple.of(6, Kind.RECORD),
                                Tuple.of(1, Kind.EXEC),
                                Tuple.of(1, Kind.EXIT),
                                Tuple.of(1, Kind.LAST_EXIT),
                                Tuple.of(1, Kind.FORK)),
                        Arbitraries.integers().between(0, 5),
                        Arbitraries.integers().between(0, 3))
                .as(Happening::new)
                .list()
                .ofMaxSize(60);
    }

    record Outcome(Deferral deferral, long chain) {}

    private static void feed(Stitcher stitcher, List<Happening> history) {
        for (int i = 0; i < history.size(); i++) {
            Happening h = history.get(i);
            switch (h.kind()) {
                case SAMPLE -> stitcher.sample(i);
                case REQUEST -> stitcher.request(i, h.pid(), h.task(), h.cookie());
                case RECORD -> stitcher.record(h.pid(), h.task(), h.cookie(), i);
                case EXEC -> stitcher.exec(h.pid());
                case EXIT -> stitcher.exit(h.task(), false);
                case LAST_EXIT -> stitcher.exit(h.task(), true);
                case FORK -> stitcher.fork(h.task());
            }
        }
        stitcher.end();
    }

    /** What the rules say, with no thought of order, speed or memory; order between cookies means nothing. */
    private static final class ObviousJoin {
        private static final class Request {
            final Happening of;
            final List<Integer> waiting = new ArrayList<>();
            int record = -1;
            boolean exited;

            Request(Happening of) {
                this.of = of;
            }
        }

        final Map<Integer, Outcome> outcomes = new HashMap<>();
        private final List<Request> requests = new ArrayList<>();
        private final Set<Integer> gone = new HashSet<>();

        ObviousJoin(List<Happening> history) {
            for (int i = 0; i < history.size(); i++) {
                Happening h = history.get(i);
                int sample = i;
                switch (h.kind()) {
                    case SAMPLE -> outcomes.put(i, new Outcome(Deferral.NO, Stitcher.NO_CHAIN));
                    case REQUEST ->
                        find(h).or(() -> gone.contains(h.task()) ? Optional.empty() : Optional.of(begin(h)))
                                .ifPresentOrElse(
                                        request -> ask(request, sample),
                                        () -> outcomes.put(sample, new Outcome(Deferral.LOST_EXIT, Stitcher.NO_CHAIN)));
                    case RECORD -> {
                        Request request = find(h).orElseGet(() -> {
                            gone.remove(h.task());
                            return begin(h);
                        });
                        if (request.record < 0) {
                            request.record = i;
                            request.waiting.forEach(waiting -> ask(request, waiting));
                            request.waiting.clear();
                        }
                    }
                    case EXEC -> lose(r -> r.of.pid() == h.pid(), Deferral.LOST_EXEC);
                    case FORK -> {
                        lose(r -> r.of.task() == h.task(), Deferral.LOST_EXIT);
                        gone.remove(h.task());
                    }
                    case EXIT -> {
                        requests.stream().filter(r -> r.of.task() == h.task()).forEach(r -> r.exited = true);
                        gone.add(h.task());
                    }
                    case LAST_EXIT -> {
                        lose(r -> r.of.task() == h.task(), Deferral.LOST_EXIT);
                        gone.add(h.task());
                    }
                }
            }
            lose(r -> true, Deferral.LOST_END_OF_DATA);
        }

        private Optional<Request> find(Happening h) {
            return requests.stream()
                    .filter(r -> r.of.task() == h.task() && r.of.cookie() == h.cookie())
                    .findFirst();
        }

        private Request begin(Happening h) {
            Request request = new Request(h);
            requests.add(request);
            return request;
        }

        private void ask(Request request, int sample) {
            if (request.record < 0) {
                request.waiting.add(sample);
            } else {
                outcomes.put(sample, new Outcome(Deferral.STITCHED, request.record));
            }
        }

        private void lose(Predicate<Request> which, Deferral reason) {
            for (Request request : requests.stream().filter(which).toList()) {
                Deferral verdict = request.exited ? Deferral.LOST_EXIT : reason;
                request.waiting.forEach(sample -> outcomes.put(sample, new Outcome(verdict, Stitcher.NO_CHAIN)));
                requests.remove(request);
            }
        }
    }

    @Property(tries = 3000)
    void everySampleLeavesOnceInOrderWithTheOutcomeThatTheRuleGives(@ForAll("anything") List<Happening> history) {
        List<Integer> order = new ArrayList<>();
        ObviousJoin obvious = new ObviousJoin(history);
        Stitcher stitcher = new Stitcher(JoinPolicy.COOKIE, false, 1000, (sample, deferral, chain) -> {
            order.add((int) sample);
            assertEquals(obvious.outcomes.get((int) sample), new Outcome(deferral, chain), () -> "sample " + sample);
        });
        feed(stitcher, history);
        assertEquals(samplesOf(history), order);
        assertEquals(order.size(), stitcher.counts().samples());
    }

    @Property(tries = 3000)
    void withinATightBoundEverySampleStillLeavesOnceInOrder(
            @ForAll("anything") List<Happening> history, @ForAll @IntRange(min = 1, max = 5) int bound) {
        for (JoinPolicy policy : JoinPolicy.values()) {
            List<Integer> order = new ArrayList<>();
            Stitcher[] stitcher = new Stitcher[1];
            stitcher[0] = new Stitcher(policy, true, bound, (sample, deferral, chain) -> {
                assertTrue(stitcher[0].held() <= bound);
                order.add((int) sample);
                if (deferral == Deferral.STITCHED) {
                    Happening record = history.get((int) chain);
                    assertEquals(Kind.RECORD, record.kind());
                    assertEquals(history.get((int) sample).task(), record.task());
                    assertEquals(history.get((int) sample).cookie(), record.cookie());
                }
            });
            feed(stitcher[0], history);
            assertEquals(samplesOf(history), order);
        }
    }

    private static List<Integer> samplesOf(List<Happening> history) {
        List<Integer> samples = new ArrayList<>();
        for (int i = 0; i < history.size(); i++) {
            if (history.get(i).kind() == Kind.SAMPLE || history.get(i).kind() == Kind.REQUEST) {
                samples.add(i);
            }
        }
        return samples;
    }

    /** One stay of a task in the kernel: requests before the record, requests after it, and whether the record is lost. */
    record Entry(int task, int before, int after, boolean recordLost, int copies) {}

    @Provide
    Arbitrary<List<Entry>> entries() {
        return Combinators.combine(
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.integers().between(1, 3),
                        Arbitraries.integers().between(0, 2),
                        Arbitraries.of(false, false, false, true),
                        Arbitraries.integers().between(1, 2))
                .as(Entry::new)
                .list()
                .ofMaxSize(40);
    }

    /** A history that a kernel can make, and the record that each of its samples should get (-1 for none). */
    private static final class Truth {
        final List<Happening> history = new ArrayList<>();
        final Map<Integer, Integer> records = new HashMap<>();
        int duplicates;

        /** The cookie counter wraps after {@code cookies} entries of a task. */
        Truth(List<Entry> entries, int cookies) {
            Map<Integer, Integer> entriesOfTask = new HashMap<>();
            for (Entry entry : entries) {
                int cookie = entriesOfTask.merge(entry.task(), 1, Integer::sum) % cookies;
                List<Integer> asking = new ArrayList<>();
                int record = -1;
                for (int i = 0; i <= entry.before() + entry.after(); i++) {
                    if (i == entry.before() && !entry.recordLost()) {
                        record = history.size();
                        history.add(new Happening(Kind.RECORD, entry.task(), cookie));
                    }
                    if (i < entry.before() + entry.after()) {
                        asking.add(history.size());
                        history.add(new Happening(Kind.REQUEST, entry.task(), cookie));
                    }
                }
                for (int copy = 1; copy < entry.copies() && record >= 0; copy++) {
                    history.add(new Happening(Kind.RECORD, entry.task(), cookie));
                    duplicates++;
                }
                for (int sample : asking) {
                    records.put(sample, record);
                }
            }
        }
    }

    @Property(tries = 2000)
    void theStreamFindsTheTruthThoughCookiesReturnAndRecordsAreLost(
            @ForAll("entries") List<Entry> entries, @ForAll @IntRange(min = 3, max = 9) int cookies) {
        Truth truth = new Truth(entries, cookies);
        Map<Integer, Integer> found = new HashMap<>();
        Stitcher stitcher = new Stitcher((sample, deferral, chain) -> found.put((int) sample, (int) chain));
        feed(stitcher, truth.history);
        assertEquals(truth.records, found);
        assertEquals(truth.duplicates, stitcher.counts().duplicate());
        assertEquals(0, stitcher.counts().unclaimed());
    }

    /** The index sees records only: it tells returned cookies apart by the records between them, so they must not all be lost. */
    @Property(tries = 2000)
    void theIndexFindsTheTruthThoughCookiesReturnOrRecordsAreLost(
            @ForAll("entries") List<Entry> entries, @ForAll @IntRange(min = 5, max = 9) int cookies) {
        boolean lost = entries.stream().anyMatch(Entry::recordLost);
        Truth truth = new Truth(entries, lost ? Integer.MAX_VALUE : cookies);
        DeferredIndex.Builder builder = new DeferredIndex.Builder();
        for (int i = truth.history.size() - 1; i >= 0; i--) {
            Happening h = truth.history.get(i);
            if (h.kind() == Kind.RECORD) {
                builder.record(h.pid(), h.task(), h.cookie(), 1000 + i, i);
            }
        }
        DeferredIndex index = builder.build(true);
        Map<Integer, Integer> indexed = new HashMap<>();
        for (int i : samplesOf(truth.history)) {
            Happening h = truth.history.get(i);
            long found = index.find(h.pid(), h.task(), h.cookie(), 1000 + i, i);
            indexed.put(i, found >= 0 ? (int) found : -1);
        }
        assertEquals(truth.records, indexed);
        StitchCounts counts = new StitchCounts();
        index.countRecords(counts);
        assertEquals(truth.duplicates, counts.duplicate());
        assertEquals(0, counts.unclaimed());
    }

    /** Without cookies: the two joins agree wherever no task ends. */
    @Property(tries = 2000)
    void bothJoinsOf2017Agree(@ForAll("anything") List<Happening> anything) {
        List<Happening> history = anything.stream()
                .filter(h -> h.kind() == Kind.SAMPLE
                        || h.kind() == Kind.REQUEST
                        || h.kind() == Kind.RECORD
                        || h.kind() == Kind.EXEC)
                .toList();
        Map<Integer, Long> streamed = new HashMap<>();
        Stitcher stitcher = new Stitcher(
                JoinPolicy.RFC2017, true, 1000, (sample, deferral, chain) -> streamed.put((int) sample, chain));
        feed(stitcher, history);
        DeferredIndex.Builder builder = new DeferredIndex.Builder();
        for (int i = 0; i < history.size(); i++) {
            Happening h = history.get(i);
            switch (h.kind()) {
                case RECORD -> builder.record(h.pid(), h.task(), h.cookie(), 1000 + i, i);
                case EXEC -> builder.exec(h.pid(), 1000 + i, i);
                default -> {}
            }
        }
        DeferredIndex index = builder.build(true, JoinPolicy.RFC2017);
        for (int i = 0; i < history.size(); i++) {
            Happening h = history.get(i);
            if (h.kind() == Kind.REQUEST) {
                long found = index.find(h.pid(), h.task(), h.cookie(), 1000 + i, i);
                assertEquals(streamed.get(i), Math.max(found, Stitcher.NO_CHAIN));
            }
        }
        StitchCounts counts = new StitchCounts();
        index.countRecords(counts);
        assertEquals(stitcher.counts().records(), counts.records());
        assertEquals(stitcher.counts().unclaimed(), counts.unclaimed());
    }
}
