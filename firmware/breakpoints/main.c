/* Breakpoints and watchpoints that a guest sets for itself (DDI 0487, D2.8 and D2.9). */
#include "runtime.h"

#define BIT(n) (1ul << (n))
#define MDSCR_KDE BIT(13)
#define MDSCR_MDE BIT(15)
#define D_CLEAR ~0x200ul

/* DBGBCR/DBGWCR: E, PMC/PAC for EL0 only (2), EL1 only (1), both (3), BAS. */
#define CONTROL(privilege, bas) (1 | (u64)(privilege) << 1 | (u64)(bas) << 5)

static void breakpoints(void)
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
    }
    write_register(dbgbcr0_el1, 0);
    probe("breakpoint, disabled", EL0, code, 0, 0);
    write_register(mdscr_el1, 0);
    write_register(dbgbcr0_el1, CONTROL(2, 15));
    probe("breakpoint without MDE", EL0, code, 0, 0);
    write_register(dbgbcr0_el1, 0);
}

static void watchpoints(void)
{
#define LOADS 1
#define STORES 2
#define WATCH(kind, bas) (CONTROL(2, bas) | (u64)(kind) << 3)
    u64 data = 0x41000000;
    write_register(mdscr_el1, MDSCR_MDE);
    write_register(dbgwvr0_el1, data + 8);
    write_register(dbgwcr0_el1, (CONTROL(2, 0) & ~(0xfful << 5)) | STORES << 3 | 0xfful << 5);
    probe("watchpoint of stores, str", EL0, CODE("nop\n str x1, [x0]"), data + 8, 0);
    probe("watchpoint of stores, ldr", EL0, CODE("nop\n ldr x1, [x0]"), data + 8, 0);
    probe("watchpoint of stores, strb inside", EL0, CODE("strb w1, [x0]"), data + 13, 0);
    probe("watchpoint of stores, str before", EL0, CODE("str x1, [x0]"), data, 0);
    probe("watchpoint of stores, stp that reaches it", EL0, CODE("stp x1, x2, [x0]"), data, 0);
    probe("watchpoint of stores, dc zva", EL0, CODE("dc zva, x0"), data, 0);
    write_register(dbgwcr0_el1, WATCH(LOADS, 0) | 0x0ful << 5);
    probe("watchpoint of loads, low half, ldr", EL0, CODE("ldr w1, [x0]"), data + 8, 0);
    probe("watchpoint of loads, low half, ldr of the high", EL0, CODE("ldr w1, [x0]"), data + 12, 0);
    write_register(dbgwcr0_el1, 0);
    write_register(mdscr_el1, 0);
}

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    write_register(oslar_el1, 0);
    breakpoints();
    watchpoints();
}
