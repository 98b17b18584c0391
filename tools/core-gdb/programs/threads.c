#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>
#include <stdlib.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/epoll.h>
#include <signal.h>
#include <time.h>
pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t c = PTHREAD_COND_INITIALIZER;
sem_t sem;
int p[2];
pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
pthread_barrier_t bar;
volatile long spin;
volatile int sink;
void *t_mutex(void *a) {
    pthread_mutex_lock(&m);
    return 0;
}
void *t_cond(void *a) {
    pthread_mutex_t mm = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mm);
    pthread_cond_wait(&c, &mm);
    return 0;
}
void *t_sem(void *a) {
    sem_wait(&sem);
    return 0;
}
void *t_read(void *a) {
    char b;
    read(p[0], &b, 1);
    return 0;
}
void *t_poll(void *a) {
    struct pollfd f = {p[0], POLLIN, 0};
    poll(&f, 1, -1);
    return 0;
}
void *t_sleep(void *a) {
    sleep(1000);
    return 0;
}
void *t_nano(void *a) {
    struct timespec t = {1000, 0};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &t, 0);
    return 0;
}
void *t_spin(void *a) {
    for (;;)
        spin++;
    return 0;
}
void *t_join(void *a) {
    pthread_join(*(pthread_t *)a, 0);
    return 0;
}
void *t_bar(void *a) {
    pthread_barrier_wait(&bar);
    return 0;
}
void *t_rw(void *a) {
    pthread_rwlock_wrlock(&rw);
    return 0;
}
void *t_select(void *a) {
    select(0, 0, 0, 0, 0);
    return 0;
}
void *t_accept(void *a) {
    int s = epoll_create1(0);
    struct epoll_event e;
    epoll_wait(s, &e, 1, -1);
    return 0;
}
void *t_vdso(void *a) {
    struct timespec t;
    for (;;)
        clock_gettime(CLOCK_MONOTONIC, &t);
    return 0;
}
void *t_sigwait(void *a) {
    sigset_t s;
    int x;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR2);
    sigwait(&s, &x);
    return 0;
}
void *t_pause(void *a) {
    pause();
    return 0;
}
static void hs(int s) {
    sleep(1000);
}
void *t_insig(void *a) {
    signal(SIGUSR1, hs);
    raise(SIGUSR1);
    return 0;
}
int main(int argc, char **argv) {
    pthread_mutex_lock(&m);
    sem_init(&sem, 0, 0);
    pipe(p);
    pthread_rwlock_rdlock(&rw);
    pthread_barrier_init(&bar, 0, 9);
    pthread_t t[20];
    int i = 0;
    void *(*f[])(void *) = {t_mutex, t_cond,   t_sem,    t_read, t_poll,    t_sleep, t_nano,  t_spin, t_bar,
                            t_rw,    t_select, t_accept, t_vdso, t_sigwait, t_pause, t_insig, 0};
    for (i = 0; f[i]; i++)
        pthread_create(&t[i], 0, f[i], 0);
    pthread_create(&t[i], 0, t_join, &t[0]);
    if (argc > 1) {
        pause();
    }
    usleep(300000);
    abort();
}
