#include <stdlib.h>
volatile int sink;
__attribute__((noinline)) static int apply(int (*f)(int), int n) {
    int r = f(n);
    sink = r;
    return r + 1;
}
int main(int c, char **v) {
    int k = c;
    int g(int x) {
        if (x == 2)
            abort();
        return k += x;
    }
    return apply(g, 1) + apply(g, 2);
}
