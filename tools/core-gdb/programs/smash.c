#include <string.h>
#include <stdlib.h>
volatile int sink;
__attribute__((noinline)) void hurt(int k) {
    volatile char b[16];
    for (int i = 0; i < k; i++)
        b[i] = 0x41;
    sink = b[3];
}
__attribute__((noinline)) void mid(int k) {
    hurt(k);
    sink++;
}
int main(int c, char **v) {
    mid(c > 1 ? atoi(v[1]) : 64);
    return sink;
}
