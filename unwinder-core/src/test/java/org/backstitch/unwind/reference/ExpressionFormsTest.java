package org.backstitch.unwind.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import org.backstitch.elf.dwarf.DwarfExpression;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What an expression says of itself: whether it is a register plus a constant, or the word there. By the bytes of DWARF 5 §7.7.1:
 * {@code DW_OP_breg0} is 70, {@code DW_OP_breg31} 8f, {@code DW_OP_deref} 06; constants are signed LEB128 (§7.6).
 */
class ExpressionFormsTest {
    private static DwarfExpression expression(String hex) {
        return new DwarfExpression(HexFormat.of().parseHex(hex.replace(" ", "")), "test", 0);
    }

    @ParameterizedTest
    @CsvSource({
        "7708, 7, 8, false",
        "7000, 0, 0, false",
        "8f7f, 31, -1, false",
        "767806, 6, -8, true",
        "770806, 7, 8, true",
        "77800106, 7, 128, true",
        "778006, 7, 768, false", // the constant's second byte, and no operation
        "77808006, 7, 98304, false",
        "77ffffffffffff00, 7, 4398046511103, false",
        "77ffffffffffff0006, 7, 4398046511103, true",
    })
    void aRegisterAndAConstant(String hex, int base, long displacement, boolean dereferenced) {
        DwarfExpression expression = expression(hex);
        assertTrue(expression.isDisplacement());
        assertEquals(base, expression.base());
        assertEquals(displacement, expression.displacement());
        assertEquals(dereferenced, expression.isDereferenced());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", // nothing
                "6f", // DW_OP_lit31
                "6f08",
                "9008", // DW_OP_regx
                "77", // a constant that is not there
                "7780", // and one that is cut off
                "77ff",
                "77080606",
                "770822", // DW_OP_plus
                "770886",
                "77082206",
                "7708 9606", // DW_OP_nop
                "77ffffffffffffff00", // a constant of eight bytes
                "77ffffffffffffff0006",
            })
    void anyOther(String hex) {
        assertFalse(expression(hex).isDisplacement());
    }

    @Test
    void expressionsAreTheirBytes() {
        DwarfExpression expression = expression("770806");
        assertEquals(expression, new DwarfExpression(new byte[] {0x77, 8, 6}, "another file", 100));
        assertEquals(expression.hashCode(), expression("770806").hashCode());
        assertNotEquals(expression, expression("770906"));
        assertNotEquals(expression, expression("7708"));
        assertNotEquals(expression.hashCode(), expression("770906").hashCode());
        assertTrue(expression.toString().contains("77 08 06"), expression::toString);
    }

    /**
     * §2.5.1.3: of 1, 2 and 3, the top, {@code DW_OP_rot} (17) makes 2 the top and 3 the third, and {@code DW_OP_swap} (16) the two upper
     * ones change places; {@code DW_OP_drop} (13) shows them.
     */
    @ParameterizedTest
    @CsvSource({"31323317, 2", "3132331713, 1", "313233171313, 3", "31323316, 2", "3132331613, 3", "313233161313, 1"})
    void rotation(String hex, long value) {
        DwarfExpression.Machine machine = new DwarfExpression.Machine() {
            @Override
            public boolean isKnown(int register) {
                return false;
            }

            @Override
            public long register(int register) {
                throw new IllegalArgumentException();
            }

            @Override
            public boolean isReadable(long address, int length) {
                return false;
            }

            @Override
            public long readLong(long address) {
                throw new IllegalArgumentException();
            }
        };
        assertEquals(
                new DwarfExpression.Result(DwarfExpression.Outcome.VALUE, value),
                expression(hex).evaluate(machine));
    }
}
