package org.backstitch.unwind.table;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class MetRowsTest {
    private final MetRows rows = new MetRows(1000);

    @Test
    void nothingIsKnownAtFirst() {
        assertEquals(MetRows.NONE, rows.find(0, 0));
        assertEquals(MetRows.NONE, rows.find(MetRows.NO_PLACE, 0));
    }

    @Test
    void aRowIsKnownFromItsFirstAddressToItsLast() {
        rows.add(7, 0x1000, 0x1010, 5);
        assertEquals(MetRows.NONE, rows.find(7, 0xfff));
        assertEquals(5, rows.find(7, 0x1000));
        assertEquals(5, rows.find(7, 0x100f));
        assertEquals(MetRows.NONE, rows.find(7, 0x1010));
    }

    @Test
    void rowsThatEndAboveTheLowerHalfOfAllAddresses() {
        rows.add(7, 0x7fff_ffff_ffff_fff0L, 0x8000_0000_0000_0010L, 5);
        assertEquals(5, rows.find(7, 0x7fff_ffff_ffff_fff0L));
        assertEquals(5, rows.find(7, 0x8000_0000_0000_000fL));
        assertEquals(MetRows.NONE, rows.find(7, 0x8000_0000_0000_0010L));
    }

    @Test
    void anotherRowOfTheEntryTakesThePlace() {
        rows.add(7, 0x1000, 0x1010, 5);
        rows.add(7, 0x1010, 0x1020, 0);
        assertEquals(MetRows.NONE, rows.find(7, 0x1000));
        assertEquals(0, rows.find(7, 0x1010), "a row without a rule is one, too");
    }

    @Test
    void entriesThatShareAPlaceAreToldApart() {
        rows.add(7, 0x1000, 0x1010, 5);
        assertEquals(MetRows.NONE, rows.find(7 + 512, 0x1000));
        rows.add(7 + 512, 0x2000, 0x2010, 6);
        assertEquals(6, rows.find(7 + 512, 0x2000));
        assertEquals(MetRows.NONE, rows.find(7, 0x1000));
    }

    @Test
    void aFileOfManyEntriesHasRoomForMore() {
        MetRows many = new MetRows(1L << 40);
        many.add(7, 0x1000, 0x1010, 5);
        many.add(7 + 512, 0x2000, 0x2010, 6);
        assertEquals(5, many.find(7, 0x1000));
        assertEquals(6, many.find(7 + 512, 0x2000));
    }

    @Test
    void aFileOfFewEntriesHasRoomForSome() {
        MetRows few = new MetRows(0);
        few.add(0, 0x1000, 0x1010, 5);
        few.add(1, 0x2000, 0x2010, 6);
        assertEquals(5, few.find(0, 0x1000));
        assertEquals(6, few.find(1, 0x2000));
    }

    @Test
    void whatHasNoPlaceOrNoAddressesIsNotKept() {
        rows.add(MetRows.NO_PLACE, 0x1000, 0x1010, 5);
        assertEquals(MetRows.NONE, rows.find(MetRows.NO_PLACE, 0x1000));
        rows.add(7, 0x1000, 0x1000, 5);
        assertEquals(MetRows.NONE, rows.find(7, 0x1000));
    }
}
