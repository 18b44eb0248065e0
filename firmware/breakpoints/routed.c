/* Debug exceptions that EL2 takes, from every level below it and from itself (DDI 0487, D2.3 and D2.4). */
#include "groups.h"

static void debug_exceptions(void)
{
    static const u64 states[] = {EL0, EL1, EL1 & D_CLEAR, EL2, EL2 & D_CLEAR};
    const void *code = CODE("nop\n ldr x1, [x0]\n nop");
    for (u32 i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (read_register(hcr_el2) & HCR_TGE && (states[i] >> 2 & 3) == 1)
            continue;
        write_register(dbgbvr0_el1, (u64)code + 8);
        write_register(dbgbcr0_el1, CONTROL(3, 15) | HMC);
        probe("  breakpoint", states[i], code, DATA_ADDRESS, 0);
        write_register(dbgbcr0_el1, 0);
        write_register(dbgwvr0_el1, DATA_ADDRESS);
        write_register(dbgwcr0_el1, CONTROL(3, 255) | 3 << 3 | HMC);
        probe("  watchpoint", states[i], code, DATA_ADDRESS, 0);
        write_register(dbgwcr0_el1, 0);
        u64 mdscr = read_register(mdscr_el1);
        write_register(mdscr_el1, mdscr | MDSCR_SS);
        probe("  step", states[i] | SPSR_SS, code, DATA_ADDRESS, 0);
        write_register(mdscr_el1, mdscr);
        probe("  brk", states[i], CODE("brk #1"), 0, 0);
    }
}

void debug_to_el2(void)
{
    u64 mdcr = read_register(mdcr_el2);
    write_register(mdscr_el1, MDSCR_MDE);
    print("to EL1, KDE = 0\n");
    debug_exceptions();
    write_register(mdcr_el2, mdcr | MDCR_TDE);
    print("MDCR_EL2.TDE, KDE = 0\n");
    debug_exceptions();
    write_register(mdscr_el1, MDSCR_MDE | MDSCR_KDE);
    print("MDCR_EL2.TDE, KDE = 1\n");
    debug_exceptions();
    write_register(mdcr_el2, mdcr);
    write_register(hcr_el2, HCR_RW | HCR_TGE);
    print("HCR_EL2.TGE, KDE = 1\n");
    debug_exceptions();
    write_register(hcr_el2, HCR_RW);
    if (home == 3) {
        write_register(scr_el3, SCR_OPEN & ~1ul);
        print("Secure\n");
        debug_exceptions();
        write_register(mdcr_el3, BIT(16));
        print("Secure, MDCR_EL3.SDD\n");
        debug_exceptions();
        write_register(mdcr_el3, 0);
        write_register(scr_el3, SCR_OPEN);
    }
    write_register(mdscr_el1, 0);
}
