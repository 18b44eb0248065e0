// The reference of the conformance tests: executes single A64 instructions (or a few) on whatever runs this program,
// with every register loaded from a record read from standard input, and writes the state afterwards to standard
// output. The layout of the records and the addresses are those of ../state.ts.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum { MAX_WORDS = 4, WINDOW_SIZE = 512, SLOT_SIZE = 32 };

static uint8_t *const code = (uint8_t *)0x10000000;
enum { CODE_SIZE = 0x20000 };
static uint8_t *const data = (uint8_t *)0x10020000;
enum { DATA_SIZE = 0x2000, WINDOW = 0xf00, TAIL = 64 };
static uint8_t *const read_only = (uint8_t *)0x10024000;
enum { READ_ONLY_SIZE = 0x1000 };
static uint32_t *const isolated = (uint32_t *)0x40000000;
enum { ISOLATED_SIZE = 0x1000, ISOLATED_AT = 0x800 };

struct state {
  uint64_t x[31], sp;
  uint64_t nzcv, fpcr, fpsr, pc;
  __uint128_t v[32];
  uint8_t window[WINDOW_SIZE];
};

struct test {
  uint32_t count, is_isolated, words[MAX_WORDS], unused[2];
  struct state state;
};

enum outcome { COMPLETED, ILLEGAL, SEGMENT, BUS, TRAP, TIMEOUT };

struct result {
  uint64_t outcome, far;
  struct state state;
};

// enter() loads *current and jumps to its second argument; the code there gets X30 and X0 itself, so that every
// register is loaded, and branches to leave_test, which stores everything and returns from enter(). TPIDR_EL0 carries
// X0 on the way out; a signal handler resumes at resume_from_signal, with the state already stored.
void enter(struct state *state, const void *at);
extern char leave_test[], resume_from_signal[];
__asm__(
    ".data\n"
    ".balign 16\n"
    "saved: .skip 192\n"
    ".globl current\n"
    "current: .quad 0\n"
    ".text\n"
    ".globl enter\n"
    "enter:\n"
    "  ldr x2, =saved\n"
    "  stp x19, x20, [x2, #0]\n"
    "  stp x21, x22, [x2, #16]\n"
    "  stp x23, x24, [x2, #32]\n"
    "  stp x25, x26, [x2, #48]\n"
    "  stp x27, x28, [x2, #64]\n"
    "  stp x29, x30, [x2, #80]\n"
    "  mov x3, sp\n"
    "  mrs x4, tpidr_el0\n"
    "  stp x3, x4, [x2, #96]\n"
    "  stp d8, d9, [x2, #112]\n"
    "  stp d10, d11, [x2, #128]\n"
    "  stp d12, d13, [x2, #144]\n"
    "  stp d14, d15, [x2, #160]\n"
    "  ldr x3, =current\n"
    "  str x0, [x3]\n"
    "  mov x30, x1\n"
    "  ldp x1, x2, [x0, #256]\n"
    "  msr nzcv, x1\n"
    "  msr fpcr, x2\n"
    "  ldr x1, [x0, #272]\n"
    "  msr fpsr, x1\n"
    "  ldr x1, [x0, #248]\n"
    "  mov sp, x1\n"
    "  add x1, x0, #288\n"
    "  ldp q0, q1, [x1, #0]\n  ldp q2, q3, [x1, #32]\n  ldp q4, q5, [x1, #64]\n  ldp q6, q7, [x1, #96]\n"
    "  ldp q8, q9, [x1, #128]\n  ldp q10, q11, [x1, #160]\n  ldp q12, q13, [x1, #192]\n  ldp q14, q15, [x1, #224]\n"
    "  ldp q16, q17, [x1, #256]\n  ldp q18, q19, [x1, #288]\n  ldp q20, q21, [x1, #320]\n  ldp q22, q23, [x1, #352]\n"
    "  ldp q24, q25, [x1, #384]\n  ldp q26, q27, [x1, #416]\n  ldp q28, q29, [x1, #448]\n  ldp q30, q31, [x1, #480]\n"
    "  ldp x1, x2, [x0, #8]\n  ldp x3, x4, [x0, #24]\n  ldp x5, x6, [x0, #40]\n  ldp x7, x8, [x0, #56]\n"
    "  ldp x9, x10, [x0, #72]\n  ldp x11, x12, [x0, #88]\n  ldp x13, x14, [x0, #104]\n  ldp x15, x16, [x0, #120]\n"
    "  ldp x17, x18, [x0, #136]\n  ldp x19, x20, [x0, #152]\n  ldp x21, x22, [x0, #168]\n  ldp x23, x24, [x0, #184]\n"
    "  ldp x25, x26, [x0, #200]\n  ldp x27, x28, [x0, #216]\n  ldr x29, [x0, #232]\n"
    "  clrex\n"
    "  br x30\n"
    ".globl leave_test\n"
    "leave_test:\n"
    "  msr tpidr_el0, x0\n"
    "  ldr x0, current_address\n"
    "  ldr x0, [x0]\n"
    "  stp x1, x2, [x0, #8]\n  stp x3, x4, [x0, #24]\n  stp x5, x6, [x0, #40]\n  stp x7, x8, [x0, #56]\n"
    "  stp x9, x10, [x0, #72]\n  stp x11, x12, [x0, #88]\n  stp x13, x14, [x0, #104]\n  stp x15, x16, [x0, #120]\n"
    "  stp x17, x18, [x0, #136]\n  stp x19, x20, [x0, #152]\n  stp x21, x22, [x0, #168]\n  stp x23, x24, [x0, #184]\n"
    "  stp x25, x26, [x0, #200]\n  stp x27, x28, [x0, #216]\n  stp x29, x30, [x0, #232]\n"
    "  mrs x1, tpidr_el0\n"
    "  str x1, [x0]\n"
    "  mov x1, sp\n"
    "  str x1, [x0, #248]\n"
    "  mrs x1, nzcv\n"
    "  mrs x2, fpcr\n"
    "  stp x1, x2, [x0, #256]\n"
    "  mrs x1, fpsr\n"
    "  str x1, [x0, #272]\n"
    "  add x1, x0, #288\n"
    "  stp q0, q1, [x1, #0]\n  stp q2, q3, [x1, #32]\n  stp q4, q5, [x1, #64]\n  stp q6, q7, [x1, #96]\n"
    "  stp q8, q9, [x1, #128]\n  stp q10, q11, [x1, #160]\n  stp q12, q13, [x1, #192]\n  stp q14, q15, [x1, #224]\n"
    "  stp q16, q17, [x1, #256]\n  stp q18, q19, [x1, #288]\n  stp q20, q21, [x1, #320]\n  stp q22, q23, [x1, #352]\n"
    "  stp q24, q25, [x1, #384]\n  stp q26, q27, [x1, #416]\n  stp q28, q29, [x1, #448]\n  stp q30, q31, [x1, #480]\n"
    ".globl resume_from_signal\n"
    "resume_from_signal:\n"
    "  ldr x2, saved_address\n"
    "  ldp x19, x20, [x2, #0]\n"
    "  ldp x21, x22, [x2, #16]\n"
    "  ldp x23, x24, [x2, #32]\n"
    "  ldp x25, x26, [x2, #48]\n"
    "  ldp x27, x28, [x2, #64]\n"
    "  ldp x29, x30, [x2, #80]\n"
    "  ldp x3, x4, [x2, #96]\n"
    "  mov sp, x3\n"
    "  msr tpidr_el0, x4\n"
    "  ldp d8, d9, [x2, #112]\n"
    "  ldp d10, d11, [x2, #128]\n"
    "  ldp d12, d13, [x2, #144]\n"
    "  ldp d14, d15, [x2, #160]\n"
    "  msr fpcr, xzr\n"
    "  ret\n"
    "current_address: .quad current\n"
    "saved_address: .quad saved\n");

static volatile enum outcome outcome;
static uint64_t fault_address;
static struct state *running;

static void on_signal(int number, siginfo_t *info, void *raw) {
  mcontext_t *context = &((ucontext_t *)raw)->uc_mcontext;
  outcome = number == SIGILL ? ILLEGAL : number == SIGSEGV ? SEGMENT : number == SIGBUS ? BUS
          : number == SIGTRAP ? TRAP : TIMEOUT;
  fault_address = (uint64_t)info->si_addr;
  memcpy(running->x, context->regs, sizeof running->x);
  running->sp = context->sp;
  running->pc = context->pc;
  running->nzcv = context->pstate & 0xf0000000;
  struct fpsimd_context *fp = (struct fpsimd_context *)context->__reserved;
  running->fpcr = fp->fpcr;
  running->fpsr = fp->fpsr;
  memcpy(running->v, fp->vregs, sizeof running->v);
  context->pc = (uint64_t)resume_from_signal;
}

static void map(void *at, size_t size, int protection) {
  if (mmap(at, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at) {
    perror("mmap");
    exit(1);
  }
}

/** ldr x30, [x0, #240]; ldr x0, [x0]; the words; b leave_test. */
static void write_slot(uint32_t *slot, const struct test *t) {
  *slot++ = 0xf9407800 + 30;
  *slot++ = 0xf9400000;
  for (uint32_t i = 0; i < t->count; i++) *slot++ = t->words[i];
  *slot = 0x14000000 | (((leave_test - (char *)slot) >> 2) & 0x3ffffff);
}

static void fill_isolated(void) {
  for (int i = 0; i < ISOLATED_SIZE / 4; i++) isolated[i] = 0xd4200000;
}

static void read_exactly(void *to, size_t size) {
  if (fread(to, 1, size, stdin) != size) {
    fprintf(stderr, "short input\n");
    exit(1);
  }
}

int main(void) {
  map(code, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
  map(data, DATA_SIZE, PROT_READ | PROT_WRITE);
  map(read_only, READ_ONLY_SIZE, PROT_READ);
  map(isolated, ISOLATED_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
  fill_isolated();

  static uint8_t stack[65536];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigfillset(&action.sa_mask);
  const int signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGTRAP, SIGALRM};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);

  uint32_t count;
  read_exactly(&count, sizeof count);
  struct test *tests = calloc(count, sizeof *tests);
  read_exactly(tests, count * sizeof *tests);
  for (uint32_t i = 0; i < count; i++) {
    if (!tests[i].is_isolated) write_slot((uint32_t *)(code + i * SLOT_SIZE), &tests[i]);
  }
  for (uint32_t i = 0; i < count; i++) {
    struct test *t = &tests[i];
    static struct result result;
    result.state = t->state;
    running = &result.state;
    memcpy(data + WINDOW, t->state.window, WINDOW_SIZE);
    memset(data + DATA_SIZE - TAIL, 0, TAIL);
    outcome = COMPLETED;
    fault_address = 0;
    const void *at = code + i * SLOT_SIZE;
    if (t->is_isolated) {
      fill_isolated();
      at = isolated + ISOLATED_AT / 4 - 2;
      write_slot(isolated + ISOLATED_AT / 4 - 2, t);
      isolated[ISOLATED_AT / 4 + t->count] = 0xd4200000;
      setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 200000}, NULL);
    }
    enter(running, at);
    if (t->is_isolated) setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    result.outcome = outcome;
    result.far = fault_address;
    memcpy(result.state.window, data + WINDOW, WINDOW_SIZE);
    if (fwrite(&result, sizeof result, 1, stdout) != 1) return 1;
  }
  return 0;
}
