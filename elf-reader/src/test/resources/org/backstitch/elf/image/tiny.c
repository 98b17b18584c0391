/* Enough code that an x86 branch filter has branches to filter. */
extern int other(int);
static int helper(int x) { return other(x) + other(x + 1); }
int first(int x) { return helper(x) * 3 + other(x); }
int second(int x) { return x ? first(x - 1) + helper(x) : other(0); }
