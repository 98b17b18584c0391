#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <unistd.h>
#include <math.h>
extern void *_GLOBAL_OFFSET_TABLE_[];
volatile int sink;
__attribute__((noinline)) int f(int n) {
    if (n)
        return f(n - 1) + 1;
    ((uint64_t *)_GLOBAL_OFFSET_TABLE_)[1] = 0x1234;
    return getppid() + 1;
}
int main(void) {
    return f(3);
}
