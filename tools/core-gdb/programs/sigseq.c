#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
volatile int sink;
static char alt[65536];
__attribute__((noinline)) static void leaf(void) {
    __asm__ volatile("int3");
}
static void on_trap(int s, siginfo_t *i, void *c) {
    abort();
}
static void on_segv(int s, siginfo_t *i, void *c) {
    leaf();
    sink++;
}
static void on_fpe(int s, siginfo_t *i, void *c) {
    *(volatile int *)8 = 1;
}
__attribute__((noinline)) static int div0(int a) {
    volatile int z = 0;
    return a / z;
}
static void on_usr(int s) {
    sink = div0(4);
}
static void set(int s, void (*f)(int, siginfo_t *, void *), int fl) {
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_sigaction = f;
    sa.sa_flags = SA_SIGINFO | SA_NODEFER | fl;
    sigaction(s, &sa, 0);
}
__attribute__((noinline)) static void go(int n) {
    if (n) {
        go(n - 1);
        sink++;
    } else
        raise(SIGUSR1);
}
int main(void) {
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
    sigaltstack(&ss, 0);
    set(SIGTRAP, on_trap, 0);
    set(SIGSEGV, on_segv, SA_ONSTACK);
    set(SIGFPE, on_fpe, 0);
    signal(SIGUSR1, on_usr);
    go(4);
    return 0;
}
