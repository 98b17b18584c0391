#include <stdlib.h>
#include <stdio.h>
int n;
int a[50000];
static int cmp(const void *x, const void *y) {
    if (++n == 333333)
        abort();
    return *(int *)x - *(int *)y;
}
int main() {
    for (int i = 0; i < 50000; i++)
        a[i] = (i * 7919) % 50021;
    qsort(a, 50000, sizeof(int), cmp);
    return 0;
}
