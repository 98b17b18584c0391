#include <stdlib.h>
volatile int sink;
__attribute__((noinline)) static int f(int n) {
    volatile char b[200000];
    b[n] = n;
    if (n > 5)
        abort();
    int r = f(n + 1);
    return r + b[n + 1];
}
int main(void) {
    return f(0);
}
