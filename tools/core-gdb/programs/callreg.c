#include <stdlib.h>
__attribute__((noinline)) static int f(int n, void (*p)(void)) {
    if (n)
        return f(n - 1, p) + 1;
    p();
    return 3;
}
int main(int c, char **v) {
    static char data[64] = {0xc3};
    void *t[] = {0, data, (void *)0x123456789000, (void *)0x8000000000000000, (void *)-8L, (void *)main - 0x100000};
    return f(3, t[c > 1 ? atoi(v[1]) : 0]) + 1;
}
