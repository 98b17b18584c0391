package org.backstitch.unwind.deferred;

/**
 * The account of a join: what became of every sample and of every late record.
 *
 * <p>Not thread-safe; threads keep their own and {@link #add(StitchCounts) add} them up.
 */
public final class StitchCounts {
    private final long[] samples = new long[Deferral.values().length];
    private long records;
    private long unclaimed;
    private long duplicate;

    /** An empty account. */
    public StitchCounts() {}

    /** How many samples ended so. */
    public long samples(Deferral deferral) {
        return samples[deferral.code()];
    }

    /** All samples. */
    public long samples() {
        long sum = 0;
        for (long count : samples) {
            sum += count;
        }
        return sum;
    }

    /** The samples whose late callchain did not come, for whatever reason. */
    public long lost() {
        return samples() - samples(Deferral.NO) - samples(Deferral.STITCHED);
    }

    /** All late records, those below included. */
    public long records() {
        return records;
    }

    /** The late records that no sample was given. */
    public long unclaimed() {
        return unclaimed;
    }

    /** The late records that repeat one (several events of one entry with {@code defer_output}). */
    public long duplicate() {
        return duplicate;
    }

    /** Counts a sample. */
    public void count(Deferral deferral) {
        samples[deferral.code()]++;
    }

    /** Adds another account to this one. */
    public void add(StitchCounts other) {
        for (int i = 0; i < samples.length; i++) {
            samples[i] += other.samples[i];
        }
        countRecords(other.records, other.unclaimed, other.duplicate);
    }

    /** Adds what another account says of late records, and nothing of samples. */
    public void addRecords(StitchCounts other) {
        countRecords(other.records, other.unclaimed, other.duplicate);
    }

    void countRecords(long all, long unclaimedOnes, long duplicates) {
        records += all;
        unclaimed += unclaimedOnes;
        duplicate += duplicates;
    }

    /** In words: {@code 5 stitched, 1 lost:exit; 3 deferred records, 1 unclaimed}; parts that are zero are left out. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Deferral deferral : Deferral.values()) {
            if (deferral != Deferral.NO && samples(deferral) > 0) {
                text.append(text.isEmpty() ? "" : ", ")
                        .append(samples(deferral))
                        .append(' ')
                        .append(deferral.label());
            }
        }
        text.append(text.isEmpty() ? "" : "; ").append(records).append(" deferred records");
        if (unclaimed > 0) {
            text.append(", ").append(unclaimed).append(" unclaimed");
        }
        if (duplicate > 0) {
            text.append(", ").append(duplicate).append(" duplicate");
        }
        return text.toString();
    }
}
