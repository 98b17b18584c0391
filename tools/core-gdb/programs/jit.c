#include <sys/mman.h>
#include <string.h>
#include <stdlib.h>
__attribute__((noinline)) void cb(void) {
    abort();
}
int main(int c, char **v) {
    unsigned char *p = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0xc9, 0xc3};
    memcpy(p, code, sizeof code);
    unsigned char code2[] = {0x53, 0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x20, 0x5b, 0xc3};
    memcpy(p + 256, code2, sizeof code2);
    ((void (*)(void (*)(void)))(c > 1 ? p + 256 : p))(cb);
    return 0;
}
