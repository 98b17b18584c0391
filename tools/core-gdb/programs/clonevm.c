#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/wait.h>
__attribute__((noinline)) static int work(int n) {
    if (n)
        return work(n - 1) + 1;
    *(volatile int *)16 = 1;
    return 0;
}
static int child(void *a) {
    return work(5);
}
int main(void) {
    static char st[65536];
    int p = clone(child, st + sizeof st, CLONE_VM | SIGCHLD, 0);
    waitpid(p, 0, __WALL);
    return 0;
}
