#define _GNU_SOURCE
#include <stdlib.h>
#include <search.h>
#include <ftw.h>
#include <pthread.h>
#include <fts.h>
static int cmp(const void *a, const void *b) {
    abort();
}
static int walk(const char *p, const struct stat *s, int t, struct FTW *f) {
    abort();
}
static void once(void) {
    abort();
}
static pthread_once_t o = PTHREAD_ONCE_INIT;
int main(int c, char **v) {
    int k = c > 1 ? atoi(v[1]) : 0, a[] = {1, 2, 3};
    size_t n = 3;
    if (k == 0)
        bsearch(a, a, 3, 4, cmp);
    if (k == 1)
        nftw("/etc", walk, 3, 0);
    if (k == 2)
        pthread_once(&o, once);
    if (k == 3)
        lfind(a, a, &n, 4, cmp);
    void *root = 0;
    if (k == 4) {
        tsearch(a, &root, cmp);
        tsearch(a + 1, &root, cmp);
    }
    return 0;
}
