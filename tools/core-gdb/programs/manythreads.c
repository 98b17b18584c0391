#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *f(void *a) {
    pause();
    return 0;
}
int main(void) {
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 65536);
    for (int i = 0; i < 800; i++) {
        pthread_t t;
        pthread_create(&t, &a, f, 0);
    }
    usleep(500000);
    abort();
}
