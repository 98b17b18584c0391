#include <stdlib.h>
volatile int sink;
__attribute__((noinline)) static int a(int n) {
    if (n == 0)
        abort();
    sink = n;
    return a(n - 1) + 1;
}
__attribute__((noinline)) static int b(int n) {
    return a(n) * 2;
}
int main(void) {
    return b(4) + 1;
}
