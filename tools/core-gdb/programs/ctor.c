#include <stdlib.h>
__attribute__((constructor)) static void ctor(void) {
    abort();
}
int main(void) {
    return 0;
}
