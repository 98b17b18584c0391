package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every target over its seeds and over the inputs that campaigns kept: those that reached code which no other had reached. Past findings
 * are run beside it, by the targets themselves: they are the files in {@code …FuzzInputs}.
 */
class CorpusTest {
    private static final Map<String, List<byte[]>> SEEDS = Seeds.all();

    static Set<String> targets() {
        return Targets.ALL.keySet();
    }

    @ParameterizedTest
    @MethodSource("targets")
    void runsOverItsSeeds(String target) throws Exception {
        List<byte[]> seeds = SEEDS.get(target);
        assertFalse(seeds == null || seeds.isEmpty(), "a target without seeds");
        for (byte[] seed : seeds) {
            run(target, seed);
        }
    }

    @ParameterizedTest
    @MethodSource("targets")
    void runsOverWhatCampaignsKept(String target) throws Exception {
        try (InputStream resource = CorpusTest.class.getResourceAsStream(target + ".zip")) {
            if (resource == null) {
                return; // of targets that had no campaign yet
            }
            run(target, resource);
        }
    }

    private static void run(String target, InputStream archive) throws Exception {
        ZipInputStream zip = new ZipInputStream(archive);
        for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
            run(target, content(zip));
        }
    }

    private static byte[] content(ZipInputStream zip) throws IOException {
        return zip.readAllBytes();
    }

    private static void run(String target, byte[] input) {
        Targets.Target run = Targets.ALL.get(target);
        if (run == null) {
            throw new IllegalArgumentException(target);
        }
        assertTimeout(Duration.ofSeconds(60), () -> run.run(input));
    }
}
