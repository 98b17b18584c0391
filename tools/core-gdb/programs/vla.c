#include <stdlib.h>
#include <string.h>
#include <alloca.h>
volatile int sink;
__attribute__((noinline)) static void low(char *p, int n) {
    p[n - 1] = 3;
    if (n > 900)
        abort();
    sink = p[0];
}
__attribute__((noinline)) static int vla(int n) {
    char a[n];
    memset(a, 0, n);
    low(a, n);
    if (n > 200) {
        char *q = alloca(n * 2);
        low(q, n * 2);
    }
    return a[n / 2] + vla(n + 100);
}
int main(void) {
    return vla(50);
}
