static char data[64] = {0xc3};
void (*volatile f)(int) = (void (*)(int))data;
volatile int sink;
__attribute__((noinline)) int g(int n) {
    f(n);
    sink = n;
    return n + 1;
}
int main() {
    return g(3) + 1;
}
