/* Text by MMIO, a byte an exit; and what the guest's vectors call. */
#include "guest.h"

static void byte(char c) {
  asm volatile("strb %w0, [%1]" : : "r"(c), "r"(CONSOLE) : "memory");
}

void text(const char *string) {
  for (; *string; string++) byte(*string);
}

void number(u64 value) {
  if (value > 9) number(value / 10);
  byte('0' + value % 10);
}

void hex(u64 value) {
  int shift = 60;
  text(" 0x");
  while (shift > 0 && (value >> shift & 15) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) byte("0123456789abcdef"[value >> shift & 15]);
}

void line(void) {
  byte('\n');
}

void show(const char *what, u64 value) {
  text(what);
  text(":");
  hex(value);
  line();
}

u64 run_stepped(void) {
  u64 result;
  asm volatile("mov x0, #0x100; mov x1, %1; bl stepped; mov %0, x0" : "=r"(result) : "r"(&watched) : "x0", "x1", "x30", "memory");
  return result;
}

/*
 * kind: the vector's number, 5 for an IRQ from EL1; frame: X0 to X18 and X30 as saved. The address to go on at.
 */
u64 guest_exception(u64 kind, u64 esr, u64 elr, u64 far, const u64 *frame) {
  if (kind == 5) {
    u32 intid = read_sysreg(s3_0_c12_c12_0); /* ICC_IAR1_EL1 */
    if (intid == 27) write_sysreg(cntv_ctl_el0, 2);
    if (intid == 30) write_sysreg(cntp_ctl_el0, 2);
    if (intid == HOST_SPI) command(COMMAND_LOWER);
    taken = intid;
    count++;
    write_sysreg(s3_0_c12_c12_1, intid); /* ICC_EOIR1_EL1 */
    return elr;
  }
  /* KVM 6.1 writes an injected abort with all of the upper bits set. */
  u64 class = esr >> 26 & 0x3f;
  text("exception");
  hex(kind);
  text(", ESR_EL1");
  hex(esr);
  if (class == 0x21) hex(far);
  line();
  /* A branch to nowhere goes back to where it came from; SVC's address is the next instruction's already. */
  if (class == 0x21) return frame[19];
  return class == 0x15 ? elr : elr + 4;
}
