package org.backstitch.dump.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Refusals say what forbids it, and what may be done about it (Documentation/admin-guide/LSM/Yama.rst in the kernel). */
class HoldExceptionTest {
    private static String message(String scope) {
        return String.valueOf(HoldException.notPermitted("process 7", scope).getMessage());
    }

    @Test
    void whoMay() {
        assertEquals(
                "process 7: not permitted: it belongs to another user, or runs with more rights than you have; root may (sudo)",
                message("0"));
        for (String scope : new String[] {"1", "2"}) {
            assertEquals(
                    "process 7: not permitted: kernel.yama.ptrace_scope is " + scope
                            + "; root may (sudo), and all once it is 0 (sysctl kernel.yama.ptrace_scope=0)",
                    message(scope));
        }
        assertTrue(message("3").contains("nobody may"), message("3"));
    }
}
