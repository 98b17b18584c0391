#include <ucontext.h>
#include <stdlib.h>
static ucontext_t a, b;
static char st[65536];
volatile int sink;
__attribute__((noinline)) static void co2(int x) {
    if (x)
        co2(x - 1);
    else
        abort();
    sink++;
}
static void co(int x, int y) {
    co2(x);
    sink = y;
}
int main() {
    getcontext(&b);
    b.uc_stack.ss_sp = st;
    b.uc_stack.ss_size = sizeof st;
    b.uc_link = &a;
    makecontext(&b, (void (*)(void))co, 2, 3, 4);
    swapcontext(&a, &b);
    return 0;
}
