package org.backstitch.cli;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The rules of the house that the compiler does not know. */
class ArchitectureTest {
    /** The modules by their packages, from the ground up: for each, the modules that it may use. */
    private static final Map<String, Set<String>> FLOORS = Map.of(
            "bytes", Set.of(),
            "elf", Set.of("bytes"),
            "perf", Set.of("bytes"),
            "unwind", Set.of("bytes", "elf"),
            "symbols", Set.of("bytes", "elf"),
            "recording", Set.of("bytes", "elf", "perf", "unwind", "symbols"),
            "dump", Set.of("bytes", "elf", "perf", "unwind", "symbols"),
            "code", Set.of("bytes", "elf", "unwind"),
            "fixtures", Set.of(),
            "cli", Set.of("bytes", "elf", "perf", "unwind", "symbols", "recording", "dump", "code", "fixtures"));

    private static final DescribedPredicate<JavaClass> COMMAND = resideInAPackage("org.backstitch.cli..");

    private static JavaClasses product = new ClassFileImporter().importClasses();

    @BeforeAll
    static void importClasses() {
        product = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("org.backstitch");
        assertTrue(product.contain("org.backstitch.bytes.Bytes"), "the modules under this one are seen");
    }

    @Test
    void modulesUseOnlyFloorsBelowThem() {
        Set<String> unknown = new TreeSet<>();
        for (JavaClass type : product) {
            unknown.add(module(type));
        }
        unknown.removeAll(FLOORS.keySet());
        assertEquals(Set.of(), unknown, "modules without a floor");
        FLOORS.forEach((module, below) -> {
            List<String> allowed = new ArrayList<>(List.of("org.backstitch." + module + ".."));
            below.forEach(floor -> allowed.add("org.backstitch." + floor + ".."));
            noClasses()
                    .that()
                    .resideInAPackage("org.backstitch." + module + "..")
                    .should()
                    .dependOnClassesThat(resideInAPackage("org.backstitch..")
                            .and(not(resideInAnyPackage(allowed.toArray(String[]::new)))))
                    .allowEmptyShould(true)
                    .check(product);
        });
    }

    private static String module(JavaClass type) {
        String rest = type.getPackageName().substring("org.backstitch.".length());
        int dot = rest.indexOf('.');
        return dot < 0 ? rest : rest.substring(0, dot);
    }

    @Test
    void packagesFormNoCycles() {
        slices().matching("org.backstitch.(**)").should().beFreeOfCycles().check(product);
    }

    @Test
    void librariesLeaveTheProcessAlone() {
        noClasses()
                .that(not(COMMAND))
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .accessField(System.class, "in")
                .orShould()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "halt", int.class)
                .orShould()
                .callMethod(Throwable.class, "printStackTrace")
                .orShould()
                .dependOnClassesThat(resideInAnyPackage("java.util.logging..", "org.slf4j..", "org.apache.logging.."))
                .because("they are embedded in programs that have their own ways")
                .check(product);
    }

    @Test
    void onlyMainEndsTheProcess() {
        noClasses()
                .that(not(COMMAND.and(DescribedPredicate.describe(
                        "are entry points", type -> Set.of("Main", "Rehearsal").contains(type.getSimpleName())))))
                .should()
                .callMethod(System.class, "exit", int.class)
                .check(product);
    }

    @Test
    void nothingRunsOtherPrograms() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .belongToAnyOf(ProcessBuilder.class, Process.class)
                .orShould()
                .callMethod(Runtime.class, "exec", String.class)
                .orShould()
                .callMethod(Runtime.class, "exec", String[].class)
                .check(product);
    }

    @Test
    void nothingIsGlobalButConstants() {
        fields().that()
                .areStatic()
                .and()
                .doNotHaveModifier(JavaModifier.SYNTHETIC)
                .should()
                .beFinal()
                .check(product);
    }

    @Test
    void memoryIsReachedThroughWhatChecksBounds() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("sun.misc.Unsafe")
                .orShould()
                .dependOnClassesThat(resideInAPackage("jdk.internal.."))
                .check(product);
    }

    @Test
    void everyPackageSaysWhatMayBeNull() {
        Set<String> unmarked = new TreeSet<>();
        for (JavaClass type : product) {
            JavaPackage home = type.getPackage();
            if (!home.isAnnotatedWith(NullMarked.class)) {
                unmarked.add(home.getName());
            }
        }
        assertEquals(Set.of(), unmarked);
    }

    @Test
    void exceptionsSayWhatIsWrong() {
        classes()
                .that()
                .areAssignableTo(Exception.class)
                .and()
                .arePublic()
                .should(new ArchCondition<>("say what is wrong in their message") {
                    @Override
                    public void check(JavaClass type, ConditionEvents events) {
                        boolean silent = type.getConstructors().stream()
                                .anyMatch(constructor ->
                                        constructor.getRawParameterTypes().isEmpty());
                        if (silent) {
                            events.add(SimpleConditionEvent.violated(
                                    type, type.getName() + " can be made without saying anything"));
                        }
                    }
                })
                .check(product);
    }
}
