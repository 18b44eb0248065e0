/*
 * A process for a debugger: a static program without a library, linked where Xen has itself at EL2, so that one
 * virtual address means two things (test/e2e/gdb-xen.test.ts).
 */
typedef unsigned long u64;

static long syscall3(long number, long a, long b, long c) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}

enum { SYS_write = 64, SYS_exit = 93 };

volatile u64 total;
const char greeting[] = "this is a process\n";

__attribute__((noinline)) void add(u64 amount) {
  total += amount;
}

__attribute__((noinline)) void work(void) {
  for (u64 i = 1; i <= 10; i++) add(i);
}

void _start(void) {
  work();
  syscall3(SYS_write, 1, (long)greeting, sizeof greeting - 1);
  syscall3(SYS_exit, total == 55 ? 0 : 1, 0, 0);
  for (;;) {
  }
}
