/* Breakpoints: where and in which states they match (DDI 0487, D2.8). */
#include "groups.h"

void breakpoints(void)
{
    const void *code = CODE("nop\n nop\n nop\n nop");
    write_register(mdscr_el1, MDSCR_MDE | MDSCR_KDE);
    write_register(dbgbvr0_el1, (u64)code + 8);
    write_register(dbgbcr0_el1, CONTROL(2, 15));
    probe("breakpoint of EL0", EL0, code, 0, 0);
    if (home > 1) {
        probe("breakpoint of EL0", EL1 & D_CLEAR, code, 0, 0);
        write_register(dbgbcr0_el1, CONTROL(1, 15));
        probe("breakpoint of EL1", EL0, code, 0, 0);
        probe("breakpoint of EL1", EL1 & D_CLEAR, code, 0, 0);
        probe("breakpoint of EL1, D masked", EL1, code, 0, 0);
        write_register(mdscr_el1, MDSCR_MDE);
        probe("breakpoint of EL1 without KDE", EL1 & D_CLEAR, code, 0, 0);
    }
    write_register(dbgbcr0_el1, 0);
    probe("breakpoint, disabled", EL0, code, 0, 0);
    write_register(mdscr_el1, 0);
    write_register(dbgbcr0_el1, CONTROL(2, 15));
    probe("breakpoint without MDE", EL0, code, 0, 0);
    write_register(mdscr_el1, MDSCR_MDE);
    write_register(oslar_el1, 1);
    probe("breakpoint, OS lock", EL0, code, 0, 0);
    write_register(oslar_el1, 0);
    probe("breakpoint, OS lock opened", EL0, code, 0, 0);
    write_register(dbgbvr0_el1, (u64)code);
    probe("breakpoint at the first instruction", EL0, code, 0, 0);
    write_register(dbgbvr1_el1, (u64)code + 4);
    write_register(dbgbcr1_el1, CONTROL(2, 15));
    probe_through("two breakpoints", EL0, code, 0, 0);
    write_register(dbgbcr1_el1, 0);
    const void *across = CODE("b 1f\n nop\n 1: nop\n nop");
    write_register(dbgbvr0_el1, (u64)across + 4);
    probe("breakpoint jumped over", EL0, across, 0, 0);
    const void *call = CODE("svc #7\n nop");
    write_register(dbgbvr0_el1, (u64)call);
    probe("breakpoint on svc", EL0, call, 0, 0);
    const void *undefined = CODE("udf #7\n nop");
    write_register(dbgbvr0_el1, (u64)undefined);
    probe("breakpoint on udf", EL0, undefined, 0, 0);
    const void *brk = CODE("brk #7\n nop");
    write_register(dbgbvr0_el1, (u64)brk);
    probe("breakpoint on brk", EL0, brk, 0, 0);
    const void *loop = CODE("mov x2, #3\n 1: sub x2, x2, #1\n cbnz x2, 1b\n mov x0, #5");
    write_register(dbgbvr0_el1, (u64)loop + 12);
    probe("breakpoint behind a loop", EL0, loop, 0, 0);
    write_register(dbgbcr0_el1, 0);
    write_register(mdscr_el1, 0);
}

/* Every PMC, HMC and SSC at every level. */
void breakpoint_states(void)
{
    static const u64 states[] = {EL0, EL1 & D_CLEAR, EL2 & D_CLEAR, EL3 & D_CLEAR};
    const void *code = CODE("nop\n nop");
    write_register(dbgbvr0_el1, (u64)code + 4);
    write_register(mdscr_el1, MDSCR_MDE | MDSCR_KDE);
    for (u64 select = 0; select < 32; select++) {
        u64 ssc = select >> 3, hmc = select >> 2 & 1, pmc = select & 3;
        /* Table "PMC, HMC, SSC": without EL3 the security states do not differ, with it all are told apart. */
        if (ssc != 0 && home < 3)
            continue;
        write_register(dbgbcr0_el1, CONTROL(pmc, 15) | hmc << 13 | ssc << 14);
        print("SSC ");
        print_decimal(ssc);
        print(", HMC ");
        print_decimal(hmc);
        print(", PMC ");
        print_decimal(pmc);
        print(":");
        for (u64 level = 0; level <= home; level++) {
            if (level == 1 && home == 1)
                continue;
            run(states[level], code, 0, 0);
            print(exception_count ? " EL" : " not EL");
            print_decimal(level);
        }
        print("\n");
    }
    write_register(dbgbcr0_el1, 0);
    write_register(mdscr_el1, 0);
}

/* Address breakpoints and watchpoints linked to a breakpoint that compares the context ID. */
void linked_points(void)
{
    const void *code = CODE("nop\n ldr x1, [x0]\n nop");
    write_register(mdscr_el1, MDSCR_MDE);
    /* The last two of six are context-aware (ID_AA64DFR0_EL1). */
    write_register(dbgbvr4_el1, 0x1234);
    write_register(dbgbcr4_el1, CONTROL(3, 15) | 3ul << 20);
    write_register(dbgbvr5_el1, 0x99);
    write_register(dbgbcr5_el1, CONTROL(3, 15) | 3ul << 20);
    write_register(dbgbvr0_el1, (u64)code + 8);
    write_register(dbgbcr0_el1, CONTROL(2, 15) | LINK(4) | 1ul << 20);
    write_register(contextidr_el1, 0x1233);
    probe("linked breakpoint, another context", EL0, code, DATA_ADDRESS, 0);
    write_register(contextidr_el1, 0x1234);
    probe("linked breakpoint, its context", EL0, code, DATA_ADDRESS, 0);
    write_register(dbgbcr4_el1, 0);
    probe("linked to a disabled one", EL0, code, DATA_ADDRESS, 0);
    write_register(dbgbcr4_el1, CONTROL(3, 15) | 3ul << 20);
    write_register(dbgbcr0_el1, CONTROL(2, 15) | LINK(5) | 1ul << 20);
    probe("linked to another context", EL0, code, DATA_ADDRESS, 0);
    write_register(contextidr_el1, 0x99);
    probe("linked to it, in it", EL0, code, DATA_ADDRESS, 0);
    write_register(dbgbcr0_el1, 0);
    write_register(dbgwvr1_el1, DATA_ADDRESS);
    write_register(dbgwcr1_el1, CONTROL(2, 255) | 1 << 3 | LINK(4) | BIT(20));
    probe("linked watchpoint, another context", EL0, code, DATA_ADDRESS, 0);
    write_register(contextidr_el1, 0x1234);
    probe("linked watchpoint, its context", EL0, code, DATA_ADDRESS, 0);
    write_register(dbgwcr1_el1, 0);
    write_register(dbgbcr4_el1, 0);
    write_register(dbgbcr5_el1, 0);
    write_register(contextidr_el1, 0);
    write_register(mdscr_el1, 0);
}
