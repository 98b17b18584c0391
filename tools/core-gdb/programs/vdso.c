#include <time.h>
#include <sys/time.h>
__attribute__((noinline)) int f(int n) {
    if (n)
        return f(n - 1) + 1;
    return clock_gettime(CLOCK_MONOTONIC, (struct timespec *)16);
}
int main(void) {
    return f(3);
}
