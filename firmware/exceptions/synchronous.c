/* Exceptions that an instruction makes wherever it runs: calls, BRK, UNDEFINED, alignment, aborts with the MMU off. */
#include "runtime.h"
#include "groups.h"

const unsigned long levels[4] = {EL0, EL1, EL2, EL3};

/* No memory and no device is here. */
#define NOTHING 0x0b800000ul

void generation(void)
{
    FOR_EACH_LEVEL(pstate) {
        probe("svc #0x1234", pstate, CODE("svc #0x1234"), 0, 0);
        probe("brk #0xabc", pstate, CODE("brk #0xabc"), 0, 0);
        probe("nothing", pstate, CODE("nop"), 0, 0);
    }
    probe("hvc #0x77", EL0, CODE("hvc #0x77"), 0, 0);
    probe("smc #0x88", EL0, CODE("smc #0x88"), 0, 0);
    if (home >= 2) {
        probe("hvc #0x77", EL1, CODE("hvc #0x77"), 0, 0);
        probe("hvc #0x77", EL2, CODE("hvc #0x77"), 0, 0);
    }
    if (home == 3) {
        probe("hvc #0x77", EL3, CODE("hvc #0x77"), 0, 0);
        probe("smc #0x88", EL1, CODE("smc #0x88"), 0, 0);
        probe("smc #0x88", EL2, CODE("smc #0x88"), 0, 0);
        probe("smc #0x88", EL3, CODE("smc #0x88"), 0, 0);
    }
    probe_through("svc, brk, svc", EL0, CODE("svc #1\n brk #2\n svc #3\n mov x0, #99"), 0, 0);
    probe_through("svc, brk, svc", EL1, CODE("svc #1\n brk #2\n svc #3\n mov x0, #99"), 0, 0);
}

void undefined(void)
{
    FOR_EACH_LEVEL(pstate) {
        probe("udf #0", pstate, CODE(".inst 0x00000000"), 0, 0);
        probe("udf #7", pstate, CODE(".inst 0x00000007"), 0, 0);
        probe("unallocated", pstate, CODE(".inst 0x03000000"), 0, 0);
        probe("hlt #1", pstate, CODE("hlt #1"), 0, 0);
        probe("dcps1", pstate, CODE("dcps1"), 0, 0);
        probe("drps", pstate, CODE("drps"), 0, 0);
        probe("mrs of no register", pstate, CODE("mrs x0, s3_3_c9_c1_0"), 0, 0);
        probe("msr of a read-only register", pstate, CODE(".inst 0xd5180000"), 0, 0);
        probe("sys of no instruction", pstate, CODE("sys #3, c7, c9, #5, x0"), 0, 0);
        probe("sctlr_el1", pstate, CODE("mrs x0, sctlr_el1\n mov x0, #0"), 0, 0);
        probe("elr_el1", pstate, CODE("mrs x0, elr_el1"), 0, 0);
        probe("hcr_el2", pstate, CODE("mrs x0, hcr_el2"), 0, 0);
        probe("scr_el3", pstate, CODE("mrs x0, scr_el3"), 0, 0);
        probe("sp_el0", pstate, CODE("mrs x0, sp_el0"), 0, 0);
        probe("sp_el1", pstate, CODE("mrs x0, sp_el1"), 0, 0);
        probe("sp_el2", pstate, CODE("mrs x0, sp_el2"), 0, 0);
        probe_value("midr_el1", pstate, CODE("mrs x0, midr_el1\n mov x0, #0"), 0, 0);
        probe("tlbi vmalle1", pstate, CODE("tlbi vmalle1"), 0, 0);
        probe("tlbi alle2", pstate, CODE("tlbi alle2"), 0, 0);
        probe("tlbi alle3", pstate, CODE("tlbi alle3"), 0, 0);
        probe("at s1e1r", pstate, CODE("at s1e1r, x0"), 0, 0);
        probe("at s1e2r", pstate, CODE("at s1e2r, x0"), 0, 0);
        probe("at s12e1r", pstate, CODE("at s12e1r, x0"), 0, 0);
        probe("at s1e3r", pstate, CODE("at s1e3r, x0"), 0, 0);
        probe("ic iallu", pstate, CODE("ic iallu"), 0, 0);
        probe("dc isw", pstate, CODE("dc isw, xzr"), 0, 0);
        probe("dc ivac", pstate, CODE("dc ivac, x0"), 0x41000000, 0);
        probe("msr spsel, #1", pstate, CODE("msr spsel, #1"), 0, 0);
        probe("curr_el", pstate, CODE("mrs x0, CurrentEL"), 0, 0);
    }
    probe("eret", EL0, CODE("eret"), 0, 0);
}

void alignment(void)
{
    u64 data = 0x41000000;

    FOR_EACH_LEVEL(pstate) {
        /* PC: the target is the instruction's own address with low bits set. */
        probe("br to address + 1", pstate, CODE("adr x0, .\n add x0, x0, #9\n br x0"), 0, 0);
        probe("ret to address + 2", pstate, CODE("adr x0, .\n add x0, x0, #10\n ret x0"), 0, 0);
        probe("ldr, unaligned, Device", pstate, CODE("ldr x0, [x0]"), data + 1, 0);
        probe("str, unaligned, Device", pstate, CODE("str w0, [x0]"), data + 2, 0);
        probe("ldxr, unaligned", pstate, CODE("ldxr x1, [x0]"), data + 4, 0);
        probe("stxr, unaligned", pstate, CODE("ldxr w1, [x0]\n add x0, x0, #2\n stxr w2, w1, [x0]"), data, 0);
        probe("ldar, unaligned", pstate, CODE("ldar w1, [x0]"), data + 2, 0);
        probe("stlr, unaligned", pstate, CODE("stlrh w1, [x0]"), data + 1, 0);
        probe("ldaxp, unaligned", pstate, CODE("ldaxp x1, x2, [x0]"), data + 8, 0);
    }
}

void external_aborts(void)
{
    FOR_EACH_LEVEL(pstate) {
        probe("ldr from nowhere", pstate, CODE("ldr w0, [x0]"), NOTHING, 0);
        probe("strb to nowhere", pstate, CODE("strb w0, [x0]"), NOTHING + 5, 0);
        probe("ldp from nowhere", pstate, CODE("ldp x0, x1, [x0]"), NOTHING + 8, 0);
        probe("br to nowhere", pstate, CODE("br x0"), NOTHING, 0);
    }
    /* The vCPUs have 44 address bits. */
    probe("ldr beyond the address size", EL1, CODE("ldr x0, [x0]"), 1ul << 44, 0);
    probe("str beyond the address size", EL0, CODE("str x0, [x0]"), 1ul << 47, 0);
    probe("br beyond the address size", EL1, CODE("br x0"), 1ul << 44, 0);
    if (home >= 2)
        probe("ldr beyond the address size", EL2, CODE("ldr x0, [x0]"), 1ul << 50, 0);
}
