#include <stdlib.h>
#include <stdio.h>
volatile int sink;
static void bye(void) {
    volatile int *p = (int *)8;
    sink = *p;
}
__attribute__((constructor)) static void ctor(void) {
    atexit(bye);
}
__attribute__((destructor)) static void dtor(void) {
    sink = 1;
}
int main(void) {
    puts("x");
    return 0;
}
