/* Software step, and stack alignment checks (DDI 0487, D2.12 and D1.3.9). */
#include "runtime.h"
#include "groups.h"

#define BIT(n) (1ul << (n))
#define MDSCR_SS BIT(0)
#define MDSCR_KDE BIT(13)
#define SPSR_SS BIT(21)
#define D_CLEAR ~0x200ul

static void software_step(void)
{
    write_register(oslar_el1, 0);
    write_register(mdscr_el1, MDSCR_SS);
    probe("step, SPSR.SS set", EL0 | SPSR_SS, CODE("nop\n nop"), 0, 0);
    probe("step, SPSR.SS clear", EL0, CODE("nop\n nop"), 0, 0);
    probe("step over a load", EL0 | SPSR_SS, CODE("ldr x1, [x0]\n nop"), 0x41000000, 0);
    probe("step over a branch", EL0 | SPSR_SS, CODE("b 1f\n nop\n 1: nop\n nop"), 0, 0);
    probe("step over ldxr", EL0 | SPSR_SS, CODE("ldxr x1, [x0]\n nop"), 0x41000000, 0);
    probe("step over svc", EL0 | SPSR_SS, CODE("svc #9\n nop"), 0, 0);
    probe("step into udf", EL0 | SPSR_SS, CODE("udf #9\n nop"), 0, 0);
    probe_through("step all the way", EL0 | SPSR_SS, CODE("mov x0, #1\n nop"), 0, 0);
    probe("step at EL1 without KDE", (EL1 | SPSR_SS) & D_CLEAR, CODE("nop\n nop"), 0, 0);
    write_register(mdscr_el1, MDSCR_SS | MDSCR_KDE);
    if (home > 1) {
        probe("step at EL1 with KDE", (EL1 | SPSR_SS) & D_CLEAR, CODE("nop\n nop"), 0, 0);
        probe("step at EL1 with KDE, D masked", EL1 | SPSR_SS, CODE("nop\n nop"), 0, 0);
    }
    write_register(mdscr_el1, 0);
    probe("no step without MDSCR_EL1.SS", EL0 | SPSR_SS, CODE("nop\n nop"), 0, 0);
    if (home >= 2) {
        u64 mdcr = read_register(mdcr_el2);
        write_register(mdcr_el2, mdcr | BIT(8));
        write_register(mdscr_el1, MDSCR_SS);
        probe("step to EL2 by MDCR_EL2.TDE", EL1 | SPSR_SS, CODE("nop\n nop"), 0, 0);
        write_register(mdscr_el1, 0);
        write_register(mdcr_el2, mdcr);
    }
}

static void stack_alignment(void)
{
#define SA BIT(3)
#define SA0 BIT(4)
    u64 data = 0x41000000;
    write_register(sctlr_el1, SCTLR_EL1_OFF | SA0);
    probe("SA0, ldr from sp + 8", EL0, CODE("mov sp, x0\n ldr x1, [sp]"), data + 8, 0);
    probe("SA0, str to aligned sp", EL0, CODE("mov sp, x0\n str x1, [sp]"), data + 16, 0);
    probe("SA0, stp, pre-index", EL0, CODE("mov sp, x0\n stp x1, x2, [sp, #-16]!"), data + 8, 0);
    probe("SA0, add does not check", EL0, CODE("mov sp, x0\n add x1, sp, #8"), data + 8, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF | SA);
    probe("SA alone, ldr", EL0, CODE("mov sp, x0\n ldr x1, [sp]"), data + 8, 0);
    probe("SA, ldr with SP_EL1", EL1, CODE("mov x9, sp\n mov sp, x0\n ldr x1, [sp]\n mov sp, x9"), data + 8, 0);
    probe("SA, ldr with SP_EL0", EL1 - 1, CODE("mov x9, sp\n mov sp, x0\n ldr x1, [sp]\n mov sp, x9"), data + 8, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF);
}

void debug(void)
{
    software_step();
    stack_alignment();
}
