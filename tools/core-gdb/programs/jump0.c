void (*volatile f)(int);
volatile int sink;
__attribute__((noinline)) int g(int n) {
    f(n);
    sink = n;
    return n + 1;
}
int main() {
    return g(3) + 1;
}
