#define _GNU_SOURCE
#include <sys/mman.h>
#include <pthread.h>
#include <stdlib.h>
__attribute__((noinline)) int deep(int n) {
    volatile char b[1 << 20];
    b[n] = n;
    if (n > 3000)
        abort();
    return deep(n + 1) + b[5];
}
static void *f(void *a) {
    return (void *)(long)deep(0);
}
int main(void) {
    void *s = mmap(0, 4L << 30, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstack(&a, s, 4L << 30);
    pthread_t t;
    pthread_create(&t, &a, f, 0);
    pthread_join(t, 0);
    return 0;
}
