/*
 * What runs inside KVM: a bare-metal program at EL1 that tries what a guest can make a hypervisor do, and prints what
 * came of it. No line depends on the time it took, so that the text is the same on every machine
 * (test/boot/kvm.test.ts).
 */
#include "guest.h"

static u64 tables[512] __attribute__((aligned(4096)));
volatile u64 watched;

static void identity(void) {
  text("guest at EL");
  number(read_sysreg(CurrentEL) >> 2);
  text(", affinity ");
  number(read_sysreg(mpidr_el1) & 0xff00ffffff);
  text(", GIC interface ");
  number((read_sysreg(id_aa64pfr0_el1) >> 24) & 15);
  text(", virtual count from zero ");
  number(read_sysreg(cntvct_el0) < read_sysreg(cntfrq_el0) * 1000);
  line();
}

/* Each form leaves width, sign and register of the access in the syndrome for KVM to act on. */
#define LOAD(form, offset)                                                                   \
  ({                                                                                         \
    u64 value_;                                                                              \
    asm volatile(form : "=r"(value_) : "r"(SCRATCH + (offset)) : "memory");                  \
    show(form, value_);                                                                      \
  })
#define STORE(form, value) asm volatile(form : : "r"((u64)(value)), "r"(SCRATCH) : "memory")

static void mmio(void) {
  LOAD("ldrb %w0, [%1]", 0);
  LOAD("ldrb %w0, [%1]", 7);
  LOAD("ldrsb %w0, [%1]", 0);
  LOAD("ldrsb %x0, [%1]", 7);
  LOAD("ldrh %w0, [%1]", 2);
  LOAD("ldrsh %x0, [%1]", 6);
  LOAD("ldr %w0, [%1]", 4);
  LOAD("ldrsw %x0, [%1]", 0);
  LOAD("ldr %x0, [%1]", 0);
  LOAD("ldar %x0, [%1]", 0);
  STORE("strb %w0, [%1, #1]", 0x1122334455667788);
  STORE("strh %w0, [%1, #2]", 0x1122334455667788);
  STORE("str %w0, [%1, #4]", 0x1122334455667788);
  STORE("str %x0, [%1]", 0x1122334455667788);
  STORE("stlr %x0, [%1]", 0x99aabbccddeeff00);
  asm volatile("str xzr, [%0, #8]" : : "r"(SCRATCH) : "memory");
}

static void memory(void) {
  volatile u64 *read_only = (volatile u64 *)READ_ONLY;
  volatile u64 *logged = (volatile u64 *)LOGGED;
  show("read-only memory", read_only[1]);
  read_only[1] = 5;
  show("after a write to it", read_only[1]);
  logged[0x1000 / 8] = logged[0x3000 / 8] = logged[0x5000 / 8] = 1;
  command(COMMAND_DIRTY);
  show("a page only read", logged[0x4000 / 8]);
  logged[0x2000 / 8] = 1;
  command(COMMAND_DIRTY);
  command(COMMAND_DIRTY);
}

/* One level-1 table: device memory below RAM, the gigabyte of RAM, blocks with AF and inner shareable. */
static void stage1(void) {
  tables[0] = 0x0000000000000401UL | (0UL << 2);
  tables[1] = 0x0000000040000701UL | (1UL << 2);
  write_sysreg(mair_el1, 0xff00UL);
  /* T0SZ 25: 39 bits, so that the walk begins at level 1; write-back, inner shareable; EPD1. */
  write_sysreg(tcr_el1, 25UL | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 23) | (2UL << 32));
  write_sysreg(ttbr0_el1, (u64)tables);
  asm volatile("dsb sy; tlbi vmalle1; dsb sy; isb");
  write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) | 0x1005);
  asm volatile("isb");
  u64 par;
  asm volatile("at s1e1r, %1; isb; mrs %0, par_el1" : "=r"(par) : "r"(RAM + 0x123000));
  show("MMU on, PAR_EL1", par & ~(1UL << 9)); /* NS: UNKNOWN for a Non-secure regime */
  asm volatile("at s1e1w, %1; isb; mrs %0, par_el1" : "=r"(par) : "r"(3UL << 30));
  show("nothing there, PAR_EL1", par);
}

/* FP and system registers are this guest's, whatever the host did between two of its instructions. */
static void registers(void) {
  u64 lanes[4], other = 0;
  asm volatile("dup v0.2d, %0; dup v31.2d, %1" : : "r"(0x0123456789abcdefUL), "r"(~0UL) : "v0", "v31");
  write_sysreg(tpidr_el0, 0x1234);
  write_sysreg(tpidr_el1, 0x5678);
  write_sysreg(contextidr_el1, 0x9a);
  command(COMMAND_LOWER);
  text("registers kept over an exit:");
  asm volatile("st1 {v0.2d}, [%0]" : : "r"(lanes) : "memory");
  asm volatile("st1 {v31.2d}, [%0]" : : "r"(lanes + 2) : "memory");
  for (int i = 0; i < 4; i++) hex(lanes[i]);
  hex(read_sysreg(tpidr_el0));
  hex(read_sysreg(tpidr_el1));
  hex(read_sysreg(contextidr_el1));
  line();
  /* Long enough for the host's own timer to want the CPU back. */
  u64 end = read_sysreg(cntvct_el0) + read_sysreg(cntfrq_el0) / 40;
  while (read_sysreg(cntvct_el0) < end) other++;
  asm volatile("mov %0, v0.d[1]" : "=r"(lanes[0]));
  show("and over the host's ticks", lanes[0]);
}

static void exceptions(void) {
  asm volatile("svc #0x55");
  asm volatile("brk #0x66");
  asm volatile(".inst 0");
  asm volatile("mrs x9, s3_0_c15_c7_7" : : : "x9");
  asm volatile("mov x0, #0; smc #0" : : : "x0");
  /* Nothing can be executed where the host has no memory: KVM makes it an external abort. */
  asm volatile("mov x9, %0; blr x9" : : "r"(CONSOLE) : "x9", "x30");
}

static void debugged(void) {
  command(COMMAND_STEP);
  show("stepped through", run_stepped());
  command(COMMAND_BREAK);
  show("stopped in", run_stepped());
  command(COMMAND_WATCH);
  show("watched", run_stepped());
}

void guest_main(void) {
  identity();
  mmio();
  memory();
  exceptions();
  stage1();
  registers();
  interrupts();
  power();
  debugged();
  hvc(0x84000008, 0, 0, 0);
}
