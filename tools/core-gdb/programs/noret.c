#include <stdlib.h>
__attribute__((noinline, noreturn)) void die(int x) {
    abort();
}
__attribute__((noinline)) int f1(int x) {
    if (x > 3)
        return x * 2;
    die(x);
}
__attribute__((noinline)) int f2(int x) {
    return f1(x - 1) + 3;
}
__attribute__((noinline)) int f3(int x) {
    die(x + 1);
}
int main(int c, char **v) {
    return f2(c + 1) + f3(c);
}
