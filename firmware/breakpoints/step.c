/* Software step: the state machine of MDSCR_EL1.SS and PSTATE.SS (DDI 0487, D2.12). */
#include "groups.h"

/* A step at EL1 with what it takes there, or at EL0. */
static void step_at(u64 pstate)
{
    probe("step, SPSR.SS set", pstate | SPSR_SS, CODE("nop\n nop"), 0, 0);
    probe("step, SPSR.SS clear", pstate, CODE("nop\n nop"), 0, 0);
    probe("step over a taken branch", pstate | SPSR_SS, CODE("b 1f\n nop\n 1: nop"), 0, 0);
    probe("step over bl", pstate | SPSR_SS, CODE("bl 1f\n nop\n 1: nop"), 0, 0);
    probe("step over ldxr", pstate | SPSR_SS, CODE("ldxr x1, [x0]\n nop"), DATA_ADDRESS, 0);
    probe("step over ldaxp", pstate | SPSR_SS, CODE("ldaxp x1, x2, [x0]\n nop"), DATA_ADDRESS, 0);
    probe("step over stxr", pstate | SPSR_SS, CODE("stxr w1, x2, [x0]\n nop"), DATA_ADDRESS, 0);
    probe("step over svc", pstate | SPSR_SS, CODE("svc #9\n nop"), 0, 0);
    probe("step over brk", pstate | SPSR_SS, CODE("brk #9\n nop"), 0, 0);
    probe("step over udf", pstate | SPSR_SS, CODE("udf #9\n nop"), 0, 0);
    probe("step over a fault", pstate | SPSR_SS, CODE("ldr x1, [x0]\n nop"), 0x0b800000, 0);
    probe("step over a branch to nowhere", pstate | SPSR_SS, CODE("br x0\n nop"), 0x0b800000, 0);
    probe("step over a branch that is not aligned", pstate | SPSR_SS, CODE("br x0\n nop"), 0x41000002, 0);
    probe("no step, pending at nowhere", pstate, (void *)0x0b800000, 0, 0);
    probe("step over nop, then illegal state", pstate | SPSR_SS | BIT(20), CODE("nop\n nop"), 0, 0);
    probe("step over wfe with an event", pstate | SPSR_SS, CODE("wfe\n nop"), 0, 0);
    probe("step over isb", pstate | SPSR_SS, CODE("isb\n nop"), 0, 0);
}

void software_step(void)
{
    write_register(mdscr_el1, MDSCR_SS);
    asm volatile("sev");
    step_at(EL0);
    probe_through("step all the way", EL0 | SPSR_SS, CODE("mov x0, #1\n nop"), 0, 0);
    write_register(mdscr_el1, MDSCR_SS | MDSCR_MDE);
    const void *code = CODE("nop\n nop\n nop");
    write_register(dbgbvr0_el1, (u64)code);
    write_register(dbgbcr0_el1, CONTROL(2, 15));
    probe("pending step and a breakpoint", EL0, code, 0, 0);
    probe("step and a breakpoint", EL0 | SPSR_SS, code, 0, 0);
    write_register(dbgbvr0_el1, (u64)code + 4);
    probe("step to a breakpoint", EL0 | SPSR_SS, code, 0, 0);
    write_register(dbgbcr0_el1, 0);
    write_register(dbgwvr0_el1, DATA_ADDRESS);
    write_register(dbgwcr0_el1, CONTROL(2, 255) | 3 << 3);
    probe("step over a watchpoint", EL0 | SPSR_SS, CODE("ldr x1, [x0]"), DATA_ADDRESS, 0);
    write_register(dbgwcr0_el1, 0);
    write_register(oslar_el1, 1);
    probe("step with the OS lock", EL0 | SPSR_SS, code, 0, 0);
    write_register(oslar_el1, 0);
    write_register(mdscr_el1, 0);
    probe("no step without MDSCR_EL1.SS", EL0 | SPSR_SS, code, 0, 0);
    if (home == 1)
        return;
    write_register(mdscr_el1, MDSCR_SS);
    probe("step at EL1 without KDE", (EL1 | SPSR_SS) & D_CLEAR, code, 0, 0);
    write_register(mdscr_el1, MDSCR_SS | MDSCR_KDE);
    probe("step at EL1, D masked", EL1 | SPSR_SS, code, 0, 0);
    step_at(EL1 & D_CLEAR);
    /* D unmasked by the program itself: PSTATE.SS is 0 then, so that the step is pending. */
    probe("step after daifclr", EL1 | SPSR_SS, CODE("nop\n msr daifclr, #8\n nop\n nop"), 0, 0);
    probe("step over daifset", (EL1 | SPSR_SS) & D_CLEAR, CODE("msr daifset, #8\n nop\n nop"), 0, 0);
    /* An exception return by EL1 itself, from D masked, with SPSR.SS as it says. */
    for (u64 ss = 0; ss < 2; ss++)
        probe(ss ? "eret to a step of EL0" : "eret to a pending step of EL0", EL1,
              CODE("msr spsr_el1, x0\n adr x2, 1f\n msr elr_el1, x2\n eret\n 1: nop\n nop\n nop"),
              EL0 | (ss ? SPSR_SS : 0), 0);
    /* MDSCR_EL1.SS set by the program. */
    write_register(mdscr_el1, MDSCR_KDE);
    probe("step by mdscr_el1", EL1 & D_CLEAR, CODE("msr mdscr_el1, x0\n isb\n nop\n nop"), MDSCR_SS | MDSCR_KDE, 0);
    write_register(mdscr_el1, MDSCR_SS | MDSCR_KDE);
    probe("no step by mdscr_el1", (EL1 | SPSR_SS) & D_CLEAR, CODE("msr mdscr_el1, x0\n isb\n nop\n nop"), 0, 0);
    write_register(mdscr_el1, 0);
}
