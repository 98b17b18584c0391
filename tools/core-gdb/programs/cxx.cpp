#include <stdexcept>
#include <thread>
#include <vector>
#include <cstdlib>
#include <functional>
#include <algorithm>
struct D {
    ~D() noexcept(false) {
        if (k == 3)
            abort();
    }
    int k = 0;
};
[[gnu::noinline]] int thr(int n) {
    D d;
    if (n == 0)
        throw std::runtime_error("x");
    d.k = n;
    return thr(n - 1) + 1;
}
struct A {
    virtual int f(int) = 0;
    virtual ~A() = default;
};
struct B : A {
    [[gnu::noinline]] int f(int n) override {
        std::vector<int> v{3, 1, 2};
        std::sort(v.begin(), v.end(), [&](int a, int b) -> bool {
            if (n == 2)
                abort();
            return a < b;
        });
        return v[0];
    }
};
[[gnu::noinline]] void pure(int n) {
    std::function<int(int)> g = [&](int x) {
        B b;
        return b.f(x) + n;
    };
    g(2);
}
int main(int c, char **v) {
    int k = c > 1 ? atoi(v[1]) : 0;
    if (k == 0) {
        try {
            thr(4);
        } catch (std::exception &) {
            abort();
        }
    }
    if (k == 1) {
        std::thread t(pure, 3);
        t.join();
    }
    if (k == 2) {
        thr(2);
    }
    if (k == 3) {
        try {
            thr(1);
        } catch (...) {
            try {
                throw;
            } catch (std::exception &e) {
                std::terminate();
            }
        }
    }
    return 0;
}
