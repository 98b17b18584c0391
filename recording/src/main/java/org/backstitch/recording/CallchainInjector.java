package org.backstitch.recording;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.perf.Anomalies;
import org.backstitch.perf.CallchainContext;
import org.backstitch.perf.PerfEvent;
import org.backstitch.perf.PerfEventAttr;
import org.backstitch.perf.PerfFile;
import org.backstitch.perf.PerfRecord;
import org.backstitch.perf.PerfWriter;
import org.backstitch.perf.RecordCursor;
import org.backstitch.perf.RecordMisc;
import org.backstitch.perf.RecordType;
import org.backstitch.perf.SampleCursor;
import org.backstitch.perf.SampleId;
import org.backstitch.perf.SampleType;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.deferred.Deferral;
import org.backstitch.unwind.deferred.EntrySharing;
import org.backstitch.unwind.deferred.JoinPolicy;
import org.jspecify.annotations.Nullable;

/**
 * Writes a recording again with complete callchains in place of what they are made of: registers, stack bytes, and callchains that
 * came late.
 *
 * {@snippet :
 * try (Recording recording = Recording.open(Path.of("perf.data"), RecordingOptions.defaults())) {
 *     CallchainInjector injector = new CallchainInjector(recording, InjectionForm.MERGED);
 *     try (PerfWriter out = PerfWriter.create(Path.of("out.data"), injector.events())) {
 *         out.features(recording.file().features());
 *         injector.inject(out, done -> {});
 *     }
 * }
 * }
 *
 * <p>Samples that share an entry to the kernel are unwound once ({@link EntrySharing}), in both forms.
 *
 * <p>All records come in the order of time, and at equal times in the order of the file; those that are no samples are copied byte for
 * byte. A late record stands where its entry ends for sure: before the task's next sample of another entry, before an exec, an exit,
 * or a change of what is mapped. That is behind all samples that it serves, so that readers that forget a callchain once it was
 * claimed, as perf does, give it to all of them. In this form each task's cookies are new: {@code counter << 32 | cpu + 1}, the
 * counter odd, as the kernel's are.
 *
 * <p>Left out are records that are said otherwise in a file, records of rounds (new ones are written), late records of the original (in
 * the deferred form those that nobody claims stay, since they tell that a task went on to another entry), and samples that cannot be
 * read.
 *
 * <p>Memory: beyond what {@link Recording} takes, {@value #BYTES_PER_RECORD} bytes for each record that is no sample, the batches
 * under way, and the user part of the open entry of at most {@link EntrySharing#DEFAULT_TASKS} tasks, eight bytes a frame: some 20 MiB
 * with chains of at most 127 frames.
 */
public final class CallchainInjector {
    /** Memory for each record that is no sample, in bytes. */
    public static final int BYTES_PER_RECORD = 16;

    /** After how many bytes readers are told that they may sort what they have. */
    private static final long ROUND_BYTES = 1 << 20;

    private static final long STACK_FIELDS = SampleType.REGS_USER | SampleType.STACK_USER;

    private final Recording recording;
    private final PerfFile file;
    private final boolean rfc2017;
    private final List<PerfEvent> events;

    /** The event whose buffer gets the late records; -1 if there are none. */
    private final int outputEvent;

    /** An injector for a recording whose samples were not processed yet. */
    public CallchainInjector(Recording recording, InjectionForm form) {
        this.recording = recording;
        this.file = recording.file();
        this.rfc2017 = recording.options().join() == JoinPolicy.RFC2017;
        int output = -1;
        List<PerfEvent> rewritten = new ArrayList<>();
        for (PerfEvent event : file.events()) {
            boolean defers = form == InjectionForm.DEFERRED && isLate(event.attr());
            boolean first = defers && output < 0;
            output = first ? event.index() : output;
            long deferral =
                    (defers ? PerfEventAttr.FLAG_DEFER_CALLCHAIN : 0) | (first ? PerfEventAttr.FLAG_DEFER_OUTPUT : 0);
            rewritten.add(new PerfEvent(event.index(), event.name(), rewrite(event.attr(), deferral), event.ids()));
        }
        this.events = List.copyOf(rewritten);
        this.outputEvent = output;
    }

    /** Whether an event's samples get their user part from elsewhere than their callchain. */
    private boolean isLate(PerfEventAttr attr) {
        long flag = rfc2017 ? PerfEventAttr.FLAG_DELAYED_USER_CALLCHAIN : PerfEventAttr.FLAG_DEFER_CALLCHAIN;
        return hasStacks(attr) || (attr.flags() & flag) != 0;
    }

    private static boolean hasStacks(PerfEventAttr attr) {
        return (attr.sampleType() & STACK_FIELDS) == STACK_FIELDS;
    }

    private PerfEventAttr rewrite(PerfEventAttr attr, long deferral) {
        boolean stacks = hasStacks(attr);
        // Fields that nobody knows how to read cannot be copied either.
        long type = attr.sampleType() & SampleType.ALL & ~STACK_FIELDS | (stacks ? SampleType.CALLCHAIN : 0);
        long dropped = PerfEventAttr.FLAG_DEFER_CALLCHAIN
                | PerfEventAttr.FLAG_DEFER_OUTPUT
                | (stacks ? PerfEventAttr.FLAG_EXCLUDE_CALLCHAIN_USER : 0)
                | (rfc2017 ? PerfEventAttr.FLAG_DELAYED_USER_CALLCHAIN : 0);
        PerfEventAttr plain = attr.withSampleType(type).withFlags(attr.flags() & ~dropped | deferral);
        PerfEventAttr without = (attr.sampleType() & STACK_FIELDS) == 0
                ? plain
                : plain.withSampleRegsUser(0).withSampleStackUser(0);
        return without.withoutTrailingZeros();
    }

    /** The events of the file to be written: those of the recording, with what their samples will hold. */
    public List<PerfEvent> events() {
        return events;
    }

    /**
     * Writes everything but the features.
     *
     * @param out a writer of {@link #events}
     * @param progress is told how many samples are done
     * @throws IOException if a file cannot be read or the output not be written
     */
    public InjectionSummary inject(PerfWriter out, LongConsumer progress) throws IOException {
        RecordingIndex index = recording.startInjection();
        EntryOrder order = new EntryOrder(file, index, recording.options());
        List<Crew> crews = new ArrayList<>();
        for (int i = 0; i < recording.options().threads(); i++) {
            crews.add(new Crew(SampleResolver.ofParts(file, index, recording.options())));
        }
        Injection injection = new Injection(index, out);
        new BatchRunner<EntryOrder.Batch, ChainBatch>(
                        _ -> order.next(), EntryOrder.Batch::size, injection::write, progress)
                .run(crews);
        injection.end();
        for (Crew crew : crews) {
            file.anomalies().addAll(crew.resolver.anomalies());
        }
        recording.summary().add(injection.summary);
        index.deferred().countRecords(recording.summary().stitches());
        return new InjectionSummary(order.stacks(), order.avoided(), injection.lateRecords, out.size(), injection.cut);
    }

    private record Crew(SampleResolver resolver) implements BatchRunner.Worker<EntryOrder.Batch, ChainBatch> {
        @Override
        public ChainBatch work(EntryOrder.Batch batch) {
            resolver.beginBatch();
            ChainBatch chains = new ChainBatch(batch);
            for (int i = 0; i < batch.size(); i++) {
                ResolvedSample sample = resolver.resolve(batch.offsets()[i], !batch.shares()[i]);
                if (sample == null) {
                    chains.skip(i);
                } else {
                    chains.take(i, sample);
                }
            }
            return chains;
        }
    }

    /** One run: what is under way, in the order of time. */
    private final class Injection {
        private final PerfWriter out;
        private final SampleCursor sample = file.samples();
        private final RecordCursor record = file.records(new Anomalies());
        private final Timeline others;
        private final boolean timed;

        /** The late records of the original that no sample gets, in the order of the file. */
        private final long[] unclaimed;

        private final RecordingSummary summary = new RecordingSummary();

        /** By the same rule as in {@link EntrySharing}, so that what shares an entry finds it. */
        private final @Nullable OpenEntry[] open = new @Nullable OpenEntry[EntrySharing.DEFAULT_TASKS];

        private int nextOther;
        private long lastRound;
        private long lastTime;
        private long entryCounter;
        private long lateRecords;
        private long cut;

        Injection(RecordingIndex index, PerfWriter out) {
            this.out = out;
            this.timed = index.isTimed();
            this.unclaimed = outputEvent < 0 ? new long[0] : unclaimed(index);
            this.others = others();
        }

        private long[] unclaimed(RecordingIndex index) {
            if (index.deferred().size() > 0) {
                LateRequest request = new LateRequest(file, recording.options());
                for (RecordCursor records = file.records(new Anomalies()); records.next(); ) {
                    if (records.isSample() && sample.moveTo(records.offset()) && request.read(sample)) {
                        index.lateRecord(sample, request);
                    }
                }
            }
            return index.deferred().unclaimed();
        }

        /** The records that are no samples, in the order of time. */
        private Timeline others() {
            Timeline timeline = new Timeline();
            RecordCursor records = file.records(new Anomalies());
            long clock = 0;
            while (records.next()) {
                long time = timed ? records.time() : records.offset();
                clock = timed && time == -1 ? clock : time;
                boolean kept = !isReplaced(records.type()) || Arrays.binarySearch(unclaimed, records.offset()) >= 0;
                if (!records.isSample() && kept) {
                    timeline.add(clock, records.offset());
                }
            }
            timeline.sort();
            return timeline;
        }

        private boolean isReplaced(int type) {
            return switch (type) {
                case RecordType.FINISHED_ROUND, RecordType.CALLCHAIN_DEFERRED -> true;
                case RecordType.KSYMBOL -> rfc2017;
                default -> false;
            };
        }

        void write(ChainBatch batch) throws IOException {
            for (int i = 0; i < batch.size(); i++) {
                if (batch.isReadable(i) && sample.moveTo(batch.offset(i))) {
                    long time = timed ? sample.time() : sample.offset();
                    writeOthersBefore(time, sample.offset());
                    lastTime = time;
                    write(batch, i);
                    finishRound();
                }
            }
        }

        private void finishRound() throws IOException {
            if (timed && out.size() - lastRound >= ROUND_BYTES) {
                out.finishedRound();
                lastRound = out.size();
            }
        }

        private void write(ChainBatch batch, int i) throws IOException {
            OpenEntry entry = entry(batch, i);
            long[] user = entry == null ? batch.userPart(i) : entry.chain();
            StopReason stop = entry == null ? batch.stop(i) : entry.stop();
            Deferral deferral = entry == null ? batch.deferral(i) : entry.deferral();
            long[] kernel = batch.kernelPart(i);
            int kernelFrames = frames(kernel, kernel.length);
            int room = recording.options().maxStack() - kernelFrames;
            int userFrames = frames(user, user.length);
            if (stop != StopReason.NONE && userFrames > room) {
                stop = StopReason.MAX_STACK;
            }
            summary.count(kernelFrames + Math.min(userFrames, room), stop, deferral);
            long[] chain;
            if (entry != null && defers() && (stop != StopReason.NONE || deferral.isLost())) {
                chain = join(kernel, new long[] {CallchainContext.USER_DEFERRED, entry.cookie()});
            } else if (stop == StopReason.NONE) {
                chain = kernel;
            } else {
                chain = join(kernel, userFrames == 0 ? new long[] {CallchainContext.USER} : first(user, room));
            }
            if (chain.length == 0 && asked(entry)) {
                // With no callchain at all, a reader would take the sample's ip for it.
                chain = new long[] {CallchainContext.USER};
            }
            boolean hasChain = sample.eventIndex() < 0
                    || (events.get(sample.eventIndex()).attr().sampleType() & SampleType.CALLCHAIN) != 0;
            int written = out.sample(file, sample, chain, chain.length);
            cut += hasChain && written < chain.length ? 1 : 0;
        }

        /** Whether there was a callchain, if only an empty one. */
        private boolean asked(@Nullable OpenEntry entry) {
            return entry != null || sample.callchainLength() > 0;
        }

        private boolean defers() {
            return outputEvent >= 0
                    && sample.eventIndex() >= 0
                    && isLate(file.events().get(sample.eventIndex()).attr());
        }

        private @Nullable OpenEntry entry(ChainBatch batch, int i) throws IOException {
            long number = batch.entry(i);
            if (number == EntryOrder.NONE) {
                return null;
            }
            int slot = sample.tid() & open.length - 1;
            OpenEntry known = open[slot];
            if (known != null && known.number() == number) {
                return known;
            }
            close(slot);
            OpenEntry entry = new OpenEntry(
                    number,
                    sample.pid(),
                    sample.tid(),
                    nextCookie(sample.cpu()),
                    batch.userPart(i),
                    batch.stop(i),
                    batch.deferral(i),
                    new SampleId(
                            sample.pid(), sample.tid(), sample.time(), recordId(), sample.streamId(), sample.cpu()));
            open[slot] = entry;
            return entry;
        }

        /** The id under which the output event's buffer of this sample's CPU and task writes, as far as the recording tells. */
        private long recordId() {
            if (outputEvent < 0 || sample.eventIndex() == outputEvent) {
                return sample.id();
            }
            long[] ids = events.get(outputEvent).ids();
            return ids.length == 0 ? 0 : ids[0];
        }

        /** The task has left the kernel, or nothing of this entry can be known any more: its late record is due. */
        private void close(int slot) throws IOException {
            OpenEntry entry = open[slot];
            open[slot] = null;
            if (entry == null || outputEvent < 0 || entry.stop() == StopReason.NONE || entry.chain().length == 0) {
                return;
            }
            SampleId id = entry.id();
            SampleId now =
                    new SampleId(id.pid(), id.tid(), timed ? lastTime : id.time(), id.id(), id.streamId(), id.cpu());
            long[] addresses = Arrays.copyOfRange(entry.chain(), 1, entry.chain().length);
            out.callchainDeferred(now, entry.cookie(), addresses, addresses.length);
            lateRecords++;
        }

        private void closeAllOf(int pid) throws IOException {
            for (int slot = 0; slot < open.length; slot++) {
                OpenEntry entry = open[slot];
                if (entry != null && entry.pid() == pid) {
                    close(slot);
                }
            }
        }

        private void writeOthersBefore(long time, long offset) throws IOException {
            while (nextOther < others.size()) {
                int order = Long.compareUnsigned(others.time(nextOther), time);
                if (order > 0 || order == 0 && others.offset(nextOther) > offset) {
                    break;
                }
                lastTime = others.time(nextOther);
                record.moveBefore(others.offset(nextOther));
                nextOther++;
                if (record.next()) {
                    if (isReplaced(record.type())) {
                        writeUnclaimed();
                    } else {
                        closeBefore();
                        out.copy(file, record);
                    }
                    finishRound();
                }
            }
        }

        private void writeUnclaimed() throws IOException {
            long offset = record.offset();
            boolean isRfc2017 = record.type() == RecordType.KSYMBOL; // else it would not be replaced
            if ((isRfc2017 ? file.rfc2017Callchain(offset) : file.record(offset))
                    instanceof PerfRecord.CallchainDeferred late) {
                SampleId id = late.sampleId();
                out.callchainDeferred(id, nextCookie(id.cpu()), late.addresses(), late.length());
            }
        }

        private long nextCookie(int cpu) {
            entryCounter++;
            return (2 * entryCounter - 1) << Integer.SIZE | cpu + 1 & 0xffff_ffffL;
        }

        /** Writes the late records that would be misunderstood behind the current record. */
        private void closeBefore() throws IOException {
            if (outputEvent < 0) {
                return;
            }
            boolean mayMatter = switch (record.type()) {
                case RecordType.MMAP, RecordType.MMAP2, RecordType.EXIT -> true;
                case RecordType.COMM -> (record.misc() & RecordMisc.COMM_EXEC) != 0;
                default -> false;
            };
            if (!mayMatter) {
                return;
            }
            PerfRecord decoded;
            try {
                decoded = file.record(record.offset());
            } catch (MalformedInputException e) {
                return; // The index has counted it; it is copied as it is.
            }
            switch (decoded) {
                case PerfRecord.Mmap map -> closeAllOf(map.pid());
                case PerfRecord.Mmap2 map -> closeAllOf(map.pid());
                case PerfRecord.Comm comm -> closeAllOf(comm.pid());
                case PerfRecord.Exit exit -> {
                    int slot = exit.tid() & open.length - 1;
                    OpenEntry entry = open[slot];
                    if (entry != null && entry.tid() == exit.tid()) {
                        close(slot);
                    }
                }
                default -> {}
            }
        }

        void end() throws IOException {
            writeOthersBefore(-1, Long.MAX_VALUE);
            for (int slot = 0; slot < open.length; slot++) {
                close(slot);
            }
        }

        private static int frames(long[] words, int length) {
            int frames = 0;
            for (int i = 0; i < length; i++) {
                frames += CallchainContext.isMarker(words[i]) ? 0 : 1;
            }
            return frames;
        }

        /** The words up to the last of {@code most} frames; one marker at least. */
        private static long[] first(long[] words, int most) {
            int end = 0;
            for (int frames = 0; end < words.length; end++) {
                if (!CallchainContext.isMarker(words[end]) && ++frames > most) {
                    break;
                }
            }
            while (end > 1 && end < words.length && CallchainContext.isMarker(words[end - 1])) {
                end--;
            }
            return end == words.length ? words : Arrays.copyOf(words, end);
        }

        private static long[] join(long[] first, long[] second) {
            long[] both = Arrays.copyOf(first, first.length + second.length);
            System.arraycopy(second, 0, both, first.length, second.length);
            return both;
        }
    }
}
