/*
 * A program for any board: finds its devices by the device tree alone, says what it finds, has the timer interrupt it
 * by way of the GIC, and switches the board off. test/firmware/board.test.ts
 */
#include "fdt.h"

#define read_sysreg(name)                          \
  ({                                               \
    u64 value_;                                    \
    asm volatile("mrs %0, " #name : "=r"(value_)); \
    value_;                                        \
  })
#define write_sysreg(name, value) asm volatile("msr " #name ", %0; isb" : : "r"((u64)(value)))

static u32 get(u64 address) {
  u32 value;
  asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  return value;
}

static void put(u64 address, u32 value) {
  asm volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

static u64 console;

static void character(char c) {
  while (get(console + 0x18) & 1 << 5) {
  }
  put(console, c);
}

static void text(const char *string) {
  for (; *string; string++) character(*string);
}

static void hex(u64 value) {
  int shift = 60;
  text(" 0x");
  while (shift > 0 && (value >> shift & 15) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) character("0123456789abcdef"[value >> shift & 15]);
}

static void show(const char *what, u64 value) {
  text(what);
  hex(value);
  character('\n');
}

/* A PrimeCell's part number, from its identification registers. */
static u32 part(u64 base) {
  return (get(base + 0xfe0) & 0xff) | (get(base + 0xfe4) & 15) << 8;
}

static void identify(const void *tree, const char *compatible) {
  u64 base, size;
  text(compatible);
  if (!find_reg(tree, compatible, 0, &base, &size)) {
    text(": none\n");
    return;
  }
  hex(base);
  show(", part", part(base));
}

static void timer_interrupt(const void *tree) {
  u64 distributor, redistributors, size;
  find_reg(tree, "arm,gic-v3", 0, &distributor, &size);
  find_reg(tree, "arm,gic-v3", 1, &redistributors, &size);
  u32 length;
  /* Rows of type, number, flags: the virtual timer's is the third. */
  const u8 *interrupts = find_property(tree, "/timer", "interrupts", &length);
  u32 intid = 16 + big_endian(interrupts + 2 * 12 + 4);
  text("gicv3");
  hex(distributor);
  show(", SPIs to INTID", (get(distributor + 4) & 31) * 32 + 31);
  put(distributor, 0x12);
  u64 sgi_frame = redistributors + 0x10000;
  put(sgi_frame + 0x80, ~0u);
  put(sgi_frame + 0x100, 1u << intid);
  write_sysreg(s3_0_c12_c12_5, 7);  /* ICC_SRE_EL1 */
  write_sysreg(s3_0_c4_c6_0, 0xff); /* ICC_PMR_EL1 */
  write_sysreg(s3_0_c12_c12_7, 1);  /* ICC_IGRPEN1_EL1 */
  show("CNTFRQ_EL0", read_sysreg(cntfrq_el0));
  write_sysreg(cntv_tval_el0, read_sysreg(cntfrq_el0) / 1000);
  write_sysreg(cntv_ctl_el0, 1);
  u64 acknowledged;
  do {
    asm volatile("wfi");
    acknowledged = read_sysreg(s3_0_c12_c12_0); /* ICC_IAR1_EL1 */
  } while (acknowledged == 1023);
  write_sysreg(cntv_ctl_el0, 2);
  show("interrupted by", acknowledged);
  write_sysreg(s3_0_c12_c12_1, acknowledged); /* ICC_EOIR1_EL1 */
}

void main(const void *tree) {
  u32 length;
  u64 base, size;
  const char *path = find_property(tree, "/chosen", "stdout-path", &length);
  const u8 *reg = find_property(tree, path, "reg", &length);
  console = (u64)big_endian(reg) << 32 | big_endian(reg + 4);
  text("board: ");
  text(find_property(tree, "/", "model", &length));
  show("\nconsole", console);
  reg = find_property(tree, "/memory", "reg", &length);
  text("memory");
  hex((u64)big_endian(reg) << 32 | big_endian(reg + 4));
  show(", size", (u64)big_endian(reg + 8) << 32 | big_endian(reg + 12));
  identify(tree, "arm,pl011");
  identify(tree, "arm,pl031");
  identify(tree, "arm,pl061");
  if (find_reg(tree, "arm,pl031", 0, &base, &size)) show("seconds since 1970", get(base));
  timer_interrupt(tree);
  text("off\n");
  int by_smc = same(find_property(tree, "/psci", "method", &length), "smc");
  register u64 x0 asm("x0") = 0x84000008; /* SYSTEM_OFF */
  if (by_smc)
    asm volatile("smc #0" : "+r"(x0));
  else
    asm volatile("hvc #0" : "+r"(x0));
  for (;;) {
  }
}
