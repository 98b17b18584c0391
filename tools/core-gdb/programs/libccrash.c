#include <string.h>
#include <stdio.h>
#include <stdlib.h>
volatile int sink;
char *volatile bad = (char *)16;
__attribute__((noinline)) int f(int n) {
    switch (n) {
    case 1:
        return strlen(bad);
    case 2:
        memcpy(bad, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 30 + sink);
        return 1;
    case 3:
        return printf("%s\n", bad + n);
    case 4:
        free(bad);
        return 1;
    case 5:
        return strcmp(bad, "x");
    case 6:
        return atoi(bad);
    case 7:
        return strtol(bad, 0, 10);
    case 8:
        qsort(bad, 100, 1000, (void *)bad);
        return 3;
    case 9:
        puts(bad);
        return 1;
    case 10:
        return system((char *)-1L) != 0;
    case 11: {
        char *q = malloc(100);
        free(q);
        free(q);
        return 1;
    }
    case 12:
        return sprintf(bad, "%d", n);
    case 13:
        return (int)(long)strstr(bad, "x");
    case 14:
        return fclose((FILE *)bad);
    }
    return 0;
}
int main(int c, char **v) {
    return f(atoi(v[1])) + 1;
}
