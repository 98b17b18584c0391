#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
sigjmp_buf b;
volatile int sink;
static void h(int s) {
    siglongjmp(b, 1);
}
__attribute__((noinline)) void after(int n) {
    if (n)
        after(n - 1);
    else
        abort();
    sink++;
}
__attribute__((noinline)) int f(int n) {
    if (sigsetjmp(b, 1) == 0) {
        raise(SIGUSR1);
    } else
        after(3);
    return n;
}
int main() {
    signal(SIGUSR1, h);
    return f(2) + 1;
}
