package org.backstitch.bench;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.backstitch.bytes.Bytes;
import org.backstitch.bytes.Cursor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Decoding LEB128 numbers, of which call frame information consists: nanoseconds a number. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class Leb128Benchmark {
    private static final int NUMBERS = 1024;

    private Bytes bytes = Bytes.of(new byte[0], "empty");

    /** Numbers of the sizes that occur: mostly one byte, some two, a few three. */
    @Setup
    public void encode() {
        Random random = new Random(1);
        byte[] encoded = new byte[3 * NUMBERS];
        int size = 0;
        for (int i = 0; i < NUMBERS; i++) {
            int dice = random.nextInt(10);
            int value = random.nextInt(dice < 7 ? 0x80 : dice < 9 ? 0x4000 : 0x20_0000);
            for (; value >= 0x80; value >>>= 7) {
                encoded[size++] = (byte) (value | 0x80);
            }
            encoded[size++] = (byte) value;
        }
        bytes = Bytes.of(encoded, "numbers");
    }

    @Benchmark
    @OperationsPerInvocation(NUMBERS)
    public long unsigned() {
        Cursor cursor = bytes.cursor(0);
        long sum = 0;
        for (int i = 0; i < NUMBERS; i++) {
            sum += cursor.uleb128();
        }
        return sum;
    }

    @Benchmark
    @OperationsPerInvocation(NUMBERS)
    public long signed() {
        Cursor cursor = bytes.cursor(0);
        long sum = 0;
        for (int i = 0; i < NUMBERS; i++) {
            sum += cursor.sleb128();
        }
        return sum;
    }
}
