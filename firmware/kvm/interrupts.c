/* The guest's GICv3: timers, software-generated and the host's interrupts; and its second vCPU by PSCI. */
#include "guest.h"

#define GICD(offset) (DISTRIBUTOR + (offset))
/* The SGI frame of a vCPU's redistributor. */
#define GICR_SGI(cpu, offset) (REDISTRIBUTORS + (cpu) * 0x20000UL + 0x10000 + (offset))

enum { CTLR = 0, IGROUPR = 0x80, ISENABLER = 0x100, ISPENDR = 0x200, ISACTIVER = 0x300, IPRIORITYR = 0x400 };

volatile u32 taken;
volatile u32 count;
static volatile u32 second_runs;
static volatile u64 second_context;

/* The CPU interface: group 1, every priority above 0xf0. */
void own_interface(void) {
  write_sysreg(s3_0_c12_c12_5, 7);    /* ICC_SRE_EL1 */
  write_sysreg(s3_0_c4_c6_0, 0xf0);   /* ICC_PMR_EL1 */
  write_sysreg(s3_0_c12_c12_7, 1);    /* ICC_IGRPEN1_EL1 */
  asm volatile("isb");
}

static void distributor(void) {
  put(GICD(CTLR), (1 << 4) | 2); /* ARE, group 1 */
  put(GICR_SGI(0, IGROUPR), ~0u);
  put(GICR_SGI(0, ISENABLER), (1 << 27) | (1u << 30) | (1 << 3));
  put(GICD(IGROUPR + 4), ~0u);
  put(GICD(ISENABLER + 4), 1 << (HOST_SPI - 32));
  put(GICD(IPRIORITYR + HOST_SPI), 0x80);
  put(GICD(0x6000 + 8 * HOST_SPI), 0); /* GICD_IROUTER: affinity 0 */
}

/* Waits with interrupts masked, then takes what has come. */
static void wait_for_one(const char *what) {
  u32 before = count;
  while (count == before) asm volatile("wfi; msr daifclr, #2; isb; msr daifset, #2");
  show(what, taken);
}

static void send_sgi(u32 intid) {
  write_sysreg(s3_0_c12_c11_5, ((u64)intid << 24) | 1); /* ICC_SGI1R_EL1: Aff0 0 */
  asm volatile("isb");
}

void interrupts(void) {
  distributor();
  own_interface();
  show("GICD_TYPER lines", get(GICD(4)) & 31);
  u64 start = read_sysreg(cntvct_el0);
  u64 millisecond = read_sysreg(cntfrq_el0) / 1000;
  write_sysreg(cntv_tval_el0, 2 * millisecond);
  write_sysreg(cntv_ctl_el0, 1);
  wait_for_one("virtual timer");
  text("not too early: ");
  number(read_sysreg(cntvct_el0) - start >= 2 * millisecond);
  line();
  write_sysreg(cntp_cval_el0, read_sysreg(cntpct_el0) + millisecond);
  write_sysreg(cntp_ctl_el0, 1);
  wait_for_one("physical timer");
  /* Already due: pending before it is waited for. */
  write_sysreg(cntv_cval_el0, 1);
  write_sysreg(cntv_ctl_el0, 1);
  wait_for_one("virtual timer at once");
  send_sgi(3);
  wait_for_one("SGI to oneself");
  command(COMMAND_RAISE);
  show("GICD_ISPENDR1", get(GICD(ISPENDR + 4)));
  wait_for_one("the host's SPI");
  show("GICD_ISPENDR1", get(GICD(ISPENDR + 4)));
  /* Pending by the guest's own write, held back by the priority mask, and taken when that is lifted. */
  write_sysreg(s3_0_c4_c6_0, 0x80);
  put(GICD(ISPENDR + 4), 1 << (HOST_SPI - 32));
  u32 before = count;
  asm volatile("isb; msr daifclr, #2; isb; msr daifset, #2");
  show("taken under the mask", count - before);
  show("ICC_HPPIR1_EL1", read_sysreg(s3_0_c12_c12_2));
  write_sysreg(s3_0_c4_c6_0, 0xf0);
  wait_for_one("its own SPI");
}

/* Runs on the second vCPU, as often as it is switched on. */
void second_main(u64 context) {
  second_context = context;
  second_runs++;
  own_interface();
  send_sgi(3);
  hvc(0x84000002, 0, 0, 0); /* CPU_OFF */
}

static u64 switch_on(u64 context) {
  extern char _start[];
  return hvc(0xc4000003, 1, (u64)_start, context);
}

void power(void) {
  show("PSCI_VERSION", hvc(0x84000000, 0, 0, 0));
  show("PSCI_FEATURES of CPU_SUSPEND", hvc(0x8400000a, 0xc4000001, 0, 0));
  show("AFFINITY_INFO of 0", hvc(0xc4000004, 0, 0, 0));
  show("AFFINITY_INFO of 1", hvc(0xc4000004, 1, 0, 0));
  show("AFFINITY_INFO of 9", hvc(0xc4000004, 9, 0, 0));
  show("CPU_ON of 0", hvc(0xc4000003, 0, RAM, 0));
  for (u64 i = 1; i <= 2; i++) {
    show("CPU_ON of 1", switch_on(0xc0ffee00 + i));
    wait_for_one("SGI from the second vCPU");
    while (hvc(0xc4000004, 1, 0, 0) != 1) {
    }
    text("the second vCPU ran:");
    hex(second_runs);
    hex(second_context);
    line();
  }
  show("an unknown function", hvc(0xc400ffff, 0, 0, 0));
}
