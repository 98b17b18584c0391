#include <setjmp.h>
#include <stdlib.h>
#include <signal.h>
static jmp_buf j;
volatile int sink;
__attribute__((noinline)) static void thrower(int n) {
    if (n)
        thrower(n - 1);
    longjmp(j, 1);
}
__attribute__((noinline)) static int f(int n) {
    if (setjmp(j))
        abort();
    thrower(n);
    return 1;
}
int main(void) {
    return f(5);
}
