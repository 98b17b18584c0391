#include <sys/mman.h>
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) int deep(int n, volatile char *p) {
    if (!n)
        abort();
    p[n * 4096] = n;
    return deep(n - 1, p) + 1;
}
int main(void) {
    char *p = mmap(0, 5L << 30, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    p[(5L << 30) - 1] = 1;
    p[3L << 30] = 2;
    return deep(30, p);
}
