package org.backstitch.unwind;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.backstitch.unwind.table.UnwindRule;
import org.jspecify.annotations.Nullable;

/** Whatever was found before, the mapping found is the one that a search of the whole space gives. */
class RecentTextsTest {
    private static final long PAGE = 0x1000;
    private static final int PAGES = 16;

    private static final @Nullable ElfModule MODULE = SmallProgram.ofRules(List.of(UnwindRule.of(UnwindRule.END)), 1)
            .mappings()
            .getFirst()
            .module();

    /** A space in which some of the pages hold code with rules, one mapping each. */
    private static AddressSpace space(Random random) {
        List<Mapping> mappings = new ArrayList<>();
        for (int page = 0; page < PAGES; page++) {
            if (random.nextBoolean()) {
                long start = PAGE * (page + 1);
                mappings.add(new Mapping(start, start + PAGE, 0x1000, true, "program", MODULE));
            }
        }
        return AddressSpace.of(mappings);
    }

    @Property(tries = 200)
    void mappingsAreThoseOfAFullSearch(@ForAll long seed) {
        Random random = new Random(seed);
        RecentTexts recent = new RecentTexts();
        List<AddressSpace> spaces = List.of(AddressSpace.EMPTY, space(random), space(random));
        for (int i = 0; i < 300; i++) {
            AddressSpace space = spaces.get(random.nextInt(8) == 0 ? random.nextInt(3) : 1);
            long address = random.nextLong(PAGE * (PAGES + 2));
            assertEquals(space.findText(address) * AddressSpace.TEXT, recent.find(space, address));
        }
    }
}
