/* What the debugger looks at: recursion, structures, an exception, two vCPUs that count, and an end. */
typedef unsigned long u64;

#define UART (*(volatile unsigned *)0x09000000)

struct account {
  const char *owner;
  int balance;
};

struct account accounts[2] = {{"ada", 10}, {"grace", 20}};
volatile u64 rounds[2];
volatile u64 last_svc;
volatile int finish;

void start_second(void);
void power_off(void);

void put(const char *text) {
  while (*text) UART = *text++;
}

u64 fib(int n) {
  if (n < 2) return n;
  return fib(n - 1) + fib(n - 2);
}

void transfer(struct account *from, struct account *to, int amount) {
  from->balance -= amount;
  to->balance += amount;
}

void on_svc(u64 number) { last_svc = number; }

void worker(u64 cpu) {
  while (!finish) rounds[cpu]++;
  power_off();
}

int main(void) {
  put("hello\n");
  transfer(&accounts[0], &accounts[1], 3);
  u64 result = fib(10);
  asm volatile("svc #42" ::: "memory", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
               "x14", "x15", "x16", "x17", "x18", "x30", "cc");
  put(result == 55 ? "right\n" : "wrong\n");
  start_second();
  worker(0);
  return 0;
}
