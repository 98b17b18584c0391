void cfarbx(void);
int main() {
    cfarbx();
    return 0;
}
