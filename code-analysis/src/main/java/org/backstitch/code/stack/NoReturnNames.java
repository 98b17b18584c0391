package org.backstitch.code.stack;

import java.util.Set;
import java.util.regex.Pattern;

/** Functions that are known not to return, by the names under which other modules export them. */
final class NoReturnNames {
    private static final Set<String> C = Set.of(
            "abort",
            "exit",
            "_exit",
            "_Exit",
            "quick_exit",
            "__assert",
            "__assert_fail",
            "__assert_perror_fail",
            "__stack_chk_fail",
            "__fortify_fail",
            "__chk_fail",
            "__libc_fatal",
            "__libc_start_main",
            "longjmp",
            "_longjmp",
            "siglongjmp",
            "__longjmp_chk",
            "pthread_exit",
            "thrd_exit",
            "err",
            "errx",
            "verr",
            "verrx",
            "_Unwind_Resume",
            "__cxa_throw",
            "__cxa_rethrow",
            "__cxa_bad_cast",
            "__cxa_bad_typeid",
            "__cxa_throw_bad_array_new_length",
            "__cxa_call_unexpected",
            "__cxa_call_terminate",
            "g_assertion_message",
            "g_assertion_message_expr",
            "g_assertion_message_cmpnum",
            "g_assertion_message_cmpstr",
            "g_assertion_message_error");

    /** Those that return, or not, by an argument; glibc's headers tell compilers where it is a constant. */
    private static final Set<String> CONDITIONAL = Set.of("error", "error_at_line");

    private static final Set<String> KERNEL = Set.of(
            "__fortify_panic",
            "__fortify_report_fail",
            "__invalid_creds",
            "__kunit_abort",
            "__module_put_and_kthread_exit",
            "__reiserfs_panic",
            "__stack_chk_fail",
            "__tdx_hypercall_failed",
            "__ubsan_handle_builtin_unreachable",
            "arch_cpu_idle_dead",
            "cpu_bringup_and_idle",
            "cpu_bringup_ap",
            "cpu_startup_entry",
            "do_exit",
            "do_group_exit",
            "do_task_dead",
            "ex_handler_msr_mce",
            "fortify_panic",
            "hlt_play_dead",
            "hv_ghcb_terminate",
            "kthread_complete_and_exit",
            "kthread_exit",
            "kunit_try_catch_throw",
            "lbug_with_loc",
            "machine_real_restart",
            "make_task_dead",
            "mpt_halt_firmware",
            "nmi_panic_self_stop",
            "panic",
            "panic_smp_self_stop",
            "rest_init",
            "rewind_stack_and_make_dead",
            "rewind_stack_do_exit",
            "sev_es_terminate",
            "snp_abort",
            "start_kernel",
            "stop_this_cpu",
            "usercopy_abort",
            "x86_64_start_kernel",
            "x86_64_start_reservations",
            "xen_cpu_bringup_again",
            "xen_start_kernel");

    /** C++'s and Rust's, mangled: what throws, panics or ends the process. */
    private static final Pattern MANGLED =
            Pattern.compile("_ZSt(9terminatev|10unexpectedv|\\d+__throw_\\w+|\\d+rethrow_exception\\w+)"
                    + "|_ZN4llvm(18report_fatal_error|25llvm_unreachable_internal|22report_bad_alloc_error)\\w+"
                    + "|_?_ZN?.*(4core9panicking|13unwrap_failed17|13expect_failed17|18handle_alloc_error|17capacity_overflow"
                    + "|12handle_error17|_index_len_fail17|_index_order_fail17|16slice_error_fail|17len_mismatch_fail"
                    + "|3std7process(4exit|5abort)|13resume_unwind|14begin_panic|19panic_cannot_unwind).*");

    private NoReturnNames() {}

    /** Whether it hangs on an argument if the function of a name returns. */
    static boolean isConditional(String name) {
        int at = name.indexOf('@');
        return CONDITIONAL.contains(at < 0 ? name : name.substring(0, at));
    }

    /** Whether the function of a name does not return. Versions of symbols are passed over. */
    static boolean contains(String name, boolean kernel) {
        int at = name.indexOf('@');
        String plain = at < 0 ? name : name.substring(0, at);
        return kernel
                ? KERNEL.contains(plain)
                : C.contains(plain)
                        || plain.startsWith("_Z") && MANGLED.matcher(plain).matches();
    }
}
