package org.backstitch.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.backstitch.bytes.MalformedInputException;
import org.backstitch.elf.dwarf.DwarfExpression;

/** DWARF expressions, on a machine that knows some registers and can read some memory. */
class ExpressionFuzz {
    @FuzzTest
    void expression(byte[] data) {
        run(data);
    }

    /** Odd registers are known; memory can be read below 2^40, except in every third page. */
    private static final class Machine implements DwarfExpression.Machine {
        private int asked;

        @Override
        public boolean isKnown(int register) {
            asked++;
            return register >= 0 && register < 17 && (register & 1) == 1;
        }

        @Override
        public long register(int register) {
            assertTrue(isKnown(register), "a register that is not known");
            return register * 0x1000L;
        }

        @Override
        public boolean isReadable(long address, int length) {
            asked++;
            return isMapped(address) && isMapped(address + length - 1);
        }

        private static boolean isMapped(long address) {
            return address >= 0 && address < 1L << 40 && (address >>> 12) % 3 != 0;
        }

        @Override
        public long readLong(long address) {
            assertTrue(isReadable(address, 8), "memory that cannot be read");
            return address * 0x9e37_79b9_7f4a_7c15L;
        }
    }

    static void run(byte[] data) {
        DwarfExpression expression = new DwarfExpression(data, "input", 0);
        for (boolean withCfa : new boolean[] {false, true}) {
            assertEquals(evaluate(expression, withCfa), evaluate(expression, withCfa));
        }
    }

    private static String evaluate(DwarfExpression expression, boolean withCfa) {
        Machine machine = new Machine();
        String result;
        try {
            DwarfExpression.Result value =
                    withCfa ? expression.evaluate(machine, 0x7000_1000L) : expression.evaluate(machine);
            result = value.toString();
        } catch (MalformedInputException e) {
            result = String.valueOf(e.getMessage());
        }
        assertTrue(machine.asked <= 3 * DwarfExpression.MAX_STEPS, "more questions than operations");
        return result;
    }
}
