#include <stdlib.h>
volatile int sink;
__attribute__((noinline)) static int low(int n) {
    if (n > 4)
        abort();
    sink = n;
    return n;
}
__attribute__((ms_abi, noinline)) static int ms(int a, int b, int c, int d, int e, double f) {
    int r = low(a + b + c + d + e);
    sink += r * b;
    return r + a + (int)f;
}
__attribute__((noinline)) static int caller(int k) {
    int r = ms(k, 2, 3, 4, 5, 6.0);
    sink += r;
    return r + k;
}
int main(void) {
    return caller(1);
}
