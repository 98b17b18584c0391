#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
volatile int sink;
__attribute__((noinline)) int rec(int n) {
    volatile char b[1000];
    b[n % 100] = n;
    int r = rec(n + 1);
    sink = r + b[3];
    return r + 1;
}
static void h(int s, siginfo_t *i, void *c) {
    abort();
}
int main() {
    static char st[65536];
    stack_t ss = {.ss_sp = st, .ss_size = sizeof st};
    sigaltstack(&ss, 0);
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_sigaction = h;
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &sa, 0);
    return rec(0);
}
