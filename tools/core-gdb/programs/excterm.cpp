#include <stdexcept>
#include <vector>
__attribute__((noinline)) void thrower(int n) {
    if (n == 0)
        throw std::runtime_error("x");
    std::vector<int> v(n);
    thrower(n - 1);
    v[0] = 1;
}
__attribute__((noinline)) void ne() noexcept {
    thrower(3);
}
int main() {
    ne();
    return 0;
}
