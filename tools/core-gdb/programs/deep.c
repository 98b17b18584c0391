#include <stdlib.h>
#include <stdio.h>
volatile int depth = 20000;
volatile int sink;
__attribute__((noinline)) int rec(int n, int a) {
    if (n == 0) {
        abort();
    }
    int r = rec(n - 1, a + n);
    sink = r;
    return r + n;
}
int main() {
    return rec(depth, 1);
}
