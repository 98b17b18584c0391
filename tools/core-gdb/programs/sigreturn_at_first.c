#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
/* signals delivered on the first instruction of a function (int3 semantics leave pc behind; an illegal first
 * instruction leaves it on) */
__asm__(".text\n.globl bad\n.type bad,@function\nbad: .cfi_startproc\n ud2\n ret\n .cfi_endproc\n.size bad,.-bad\n");
void bad(void);
volatile int sink;
static void h(int s) {
    abort();
}
__attribute__((noinline)) static void f(int n) {
    if (n)
        f(n - 1);
    else
        bad();
    sink++;
}
int main(void) {
    signal(SIGILL, h);
    f(3);
    return 0;
}
