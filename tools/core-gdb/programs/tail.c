#include <stdlib.h>
volatile int sink;
__attribute__((noinline)) int a3(int x) {
    if (x == 7)
        abort();
    sink = x;
    return x;
}
__attribute__((noinline)) int a2(int x) {
    sink = 2;
    return a3(x + 1);
}
__attribute__((noinline)) int a1(int x) {
    sink = 1;
    return a2(x + 1);
}
__attribute__((noinline)) int a0(int x) {
    int r = a1(x + 1);
    sink = r;
    return r + 1;
}
int main(int c, char **v) {
    return a0(c + 3);
}
