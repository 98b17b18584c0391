/* A program without a C library, with functions that a stripped file does not name. */
static __attribute__((noinline)) int hidden(int x) { return x * 3; }
__attribute__((noinline)) int shown(int x) { return hidden(x) + 1; }
char zeros[64];
void _start(void) { zeros[0] = (char) shown(2); for (;;) {} }
