package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Path;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.dump.user.CoreDump;
import org.backstitch.dump.user.CoreOptions;
import org.backstitch.dump.user.ProcessImage;
import org.backstitch.dump.user.ThreadState;
import org.backstitch.unwind.Callchain;
import org.backstitch.unwind.StopReason;
import org.backstitch.unwind.UserUnwinder;

/** Core files of processes: notes, memory, mapped files, the link map, and the walk of every thread. */
class CoreFuzz {
    private static final Scratch SCRATCH = new Scratch();

    @FuzzTest
    void core(byte[] data) throws IOException {
        run(data);
    }

    static void run(byte[] data) throws IOException {
        Path path = SCRATCH.file(data);
        assertEquals(read(path), read(path), "what is read twice is equal");
    }

    private static String read(Path path) throws IOException {
        CoreOptions options = CoreOptions.defaults().withSysroot(SCRATCH.empty());
        StringBuilder seen = new StringBuilder();
        try (CoreDump core = CoreDump.open(path, options)) {
            ProcessImage process = core.process();
            UserUnwinder unwinder = new UserUnwinder();
            Callchain chain = new Callchain().limit(300).recordRegisters(true);
            for (ThreadState thread : process.threads()) {
                process.unwind(thread, unwinder, chain);
                assertTrue(chain.stop() != StopReason.NONE, "a reason");
                for (int i = 0; i < chain.size(); i++) {
                    assertNotNull(process.place(chain.lookupPc(i)).dso());
                }
                seen.append(thread.tid()).append(thread.comm()).append(chain);
            }
            assertTrue(core.missingBytes() >= 0, "missing bytes");
            seen.append(process.addressSpace().mappings())
                    .append(core.faults().size())
                    .append(core.missingFiles())
                    .append(core.unusableFiles());
        } catch (MalformedInputException e) {
            assertTrue(e.reason().length() > 5);
            seen.append(e.getMessage());
        }
        return seen.toString();
    }
}
