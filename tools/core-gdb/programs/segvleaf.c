volatile int *p;
volatile int sink;
__attribute__((noinline)) int leaf(int n) {
    return *p + n;
}
__attribute__((noinline)) int mid(int n) {
    int a[20];
    a[n] = n;
    int r = leaf(n);
    sink = a[n];
    return r + 1;
}
int main(int c, char **v) {
    return mid(c) + 1;
}
