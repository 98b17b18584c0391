#include <stdlib.h>
volatile int sink;
__attribute__((noinline)) static int leaf(int n) {
    if (n == 3)
        abort();
    return n;
}
static int (*volatile fp)(int) = leaf;
__attribute__((noinline)) static int via(int n) {
    int r = fp(n);
    sink = r;
    return r + 1;
}
int main(void) {
    return via(1) + via(3);
}
