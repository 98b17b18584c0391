#define _GNU_SOURCE
#include <unistd.h>
#include <stdlib.h>
#include <spawn.h>
__attribute__((noinline)) int go(int n) {
    pid_t p = vfork();
    if (p == 0) {
        abort();
    }
    return p + n;
}
int main() {
    return go(3) + 1;
}
