#include <stdlib.h>
#include <string.h>
#include <alloca.h>
typedef float v8 __attribute__((vector_size(32)));
volatile int sink;
__attribute__((noinline)) void use(void *p, void *q, int n) {
    if (n <= 0)
        abort();
}
__attribute__((noinline)) int over(int n, v8 x, int a, int b, int c, int d, int e, int f, int g, int h) {
    v8 loc[3] __attribute__((aligned(64)));
    loc[0] = x;
    loc[1] = x + x;
    char *p = alloca(n * 8 + 16);
    memset(p, n, 16);
    use(loc, p, n);
    int r = n ? over(n - 1, loc[1], b, c, d, e, f, g, h, a) : 0;
    sink = p[3];
    use(loc, p, n);
    return r + a + b + c + d + e + f + g + h;
}
__attribute__((noinline)) int plain(int n) {
    int q[4] __attribute__((aligned(128)));
    q[0] = n;
    v8 x = {1, 2, 3};
    int r = over(n, x, 1, 2, 3, 4, 5, 6, 7, 8);
    sink = q[0];
    use(q, q, 1);
    return r;
}
int main(int argc, char **argv) {
    return plain(6 + argc);
}
