#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
volatile int sink;
__attribute__((noinline)) static void h3(int s) {
    abort();
}
__attribute__((noinline)) static void h2(int s) {
    volatile int z = 0;
    sink = 7 / z;
}
__attribute__((noinline)) static void h1(int s) {
    __builtin_trap();
}
int main() {
    signal(SIGUSR1, h1);
    signal(SIGILL, h2);
    signal(SIGFPE, h3);
    raise(SIGUSR1);
    return 0;
}
