#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>
#include <exception>
struct D {
    std::string s;
    D(const char *c) : s(c) {}
    ~D() {
        if (s == "boom")
            abort();
    }
};
__attribute__((noinline)) void thrower(int n) {
    if (n == 0)
        throw std::runtime_error("x");
    std::vector<int> v(n);
    thrower(n - 1);
    v[0] = 1;
}
__attribute__((noinline)) void mid() {
    D d("boom");
    D e("ok");
    thrower(4);
}
int main() {
    try {
        mid();
    } catch (std::exception &e) {
        return 1;
    }
    return 0;
}
