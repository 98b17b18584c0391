#include <stdlib.h>
/* a tail call to a bad address: pc is bad, the return address is the caller's caller's */
__attribute__((noinline)) static int g(int n, int (*p)(int)) {
    return p(n);
}
volatile int sink;
__attribute__((noinline)) static int f(int n, int (*p)(int)) {
    int r = g(n, p);
    sink = r;
    return r + 1;
}
int main(int c, char **v) {
    return f(3, (int (*)(int))(long)(c > 1 ? 0 : 0)) + 1;
}
