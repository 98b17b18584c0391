#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
volatile int *np;
volatile int sink;
__attribute__((noinline)) static void inner(int s) {
    *np = s;
}
static void h(int s, siginfo_t *i, void *c) {
    inner(s);
    sink++;
}
__attribute__((noinline)) void work(int n) {
    if (n) {
        work(n - 1);
    } else
        raise(SIGUSR1);
    sink++;
}
int main() {
    char *st = malloc(65536);
    stack_t ss = {.ss_sp = st, .ss_size = 65536};
    sigaltstack(&ss, 0);
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_sigaction = h;
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGUSR1, &sa, 0);
    work(5);
    return 0;
}
