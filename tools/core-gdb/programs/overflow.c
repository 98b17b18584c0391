#include <stdio.h>
volatile int sink;
__attribute__((noinline)) int rec(int n) {
    volatile char b[100];
    b[n % 100] = n;
    int r = rec(n + 1);
    sink = r + b[3];
    return r + 1;
}
int main() {
    return rec(0);
}
