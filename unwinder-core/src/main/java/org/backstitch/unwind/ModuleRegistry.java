package org.backstitch.unwind;

import java.util.concurrent.atomic.AtomicInteger;
import org.backstitch.elf.ElfFile;
import org.backstitch.unwind.table.UnwindInfo;

/**
 * Makes modules and numbers them, so that walkers can keep the rules of all of them in one cache.
 *
 * <p>Modules that meet in one address space, and all modules that one {@link UserUnwinder} ever sees, must come from one registry.
 * Safe for any number of threads.
 */
public final class ModuleRegistry {
    private static final int MAX_NUMBERED = 0xffff;

    private final AtomicInteger last = new AtomicInteger();
    private final CodeReader code;
    private final PlainRuleCache rules = new PlainRuleCache();

    /** A registry that has made no module yet. */
    public ModuleRegistry() {
        this(CodeReader.NONE);
    }

    /** A registry of modules whose code is read where their rules have no answer. */
    public ModuleRegistry(CodeReader code) {
        this.code = code;
    }

    /**
     * A module for a file, unwound by the call frame information in it.
     *
     * @param name for people: usually its path
     * @param elf must stay mapped as long as the module is used
     */
    public ElfModule module(String name, ElfFile elf) {
        return ElfModule.of(name, elf, code, nextId());
    }

    /** A module for a file, unwound by rules from elsewhere: synthesized ones, or those of a separate debug file. */
    public ElfModule module(String name, ElfFile elf, UnwindInfo rules) {
        return new ElfModule(name, elf, rules, code, nextId());
    }

    /**
     * A walker through this registry's modules, for one thread. All walkers that a registry gives share a cache of rules: what one of them
     * has looked up, the others find there.
     */
    public UserUnwinder newUnwinder() {
        return new UserUnwinder(rules);
    }

    /** The next number; 0, which keeps a module out of caches, when 65,535 have been given. */
    private int nextId() {
        return last.accumulateAndGet(1, (current, step) -> Math.min(current + step, MAX_NUMBERED + 1))
                % (MAX_NUMBERED + 1);
    }
}
