/* The debug registers: what they keep, what is locked and trapped (DDI 0487, D17.3). */
#include "groups.h"

#define KEPT(name, value)                                                                                              \
    do {                                                                                                               \
        write_register(name, value);                                                                                   \
        print(#name);                                                                                                  \
        print_field("is", read_register(name));                                                                        \
        print("\n");                                                                                                   \
        write_register(name, 0);                                                                                       \
    } while (0)

/* Bits that have a meaning without AArch32 and an external debugger. */
#define MDSCR_ONES (MDSCR_SS | MDSCR_TDCC | MDSCR_KDE | MDSCR_MDE)

void debug_registers(void)
{
    print_field("oslsr", read_register(oslsr_el1));
    write_register(oslar_el1, 0);
    print_field("opened", read_register(oslsr_el1));
    write_register(oslar_el1, 1);
    print_field("locked", read_register(oslsr_el1));
    write_register(oslar_el1, 0);
    print_field("brps", read_register(id_aa64dfr0_el1) >> 12 & 15);
    print_field("wrps", read_register(id_aa64dfr0_el1) >> 20 & 15);
    print_field("ctx_cmps", read_register(id_aa64dfr0_el1) >> 28 & 15);
    print("\n");
    KEPT(mdscr_el1, MDSCR_ONES);
    KEPT(dbgbvr0_el1, 0x0000ffffffffffff);
    KEPT(dbgbvr5_el1, 0xffff800012345678);
    KEPT(dbgbcr0_el1, 0x1e7 & ~1ul);
    KEPT(dbgbcr4_el1, 0x3fe1e6);
    KEPT(dbgwvr0_el1, 0x0000ffffffffffff);
    KEPT(dbgwvr3_el1, 0xffff800012345678);
    KEPT(dbgwcr0_el1, 0x1f1ffffe);
    probe("dbgbvr6", home == 1 ? EL0 : EL1, CODE("mrs x0, dbgbvr6_el1"), 0, 0);
    probe("dbgbcr15", home == 1 ? EL0 : EL1, CODE("mrs x0, dbgbcr15_el1"), 0, 0);
    probe("dbgwvr4", home == 1 ? EL0 : EL1, CODE("mrs x0, dbgwvr4_el1"), 0, 0);
    probe("dbgwcr9", home == 1 ? EL0 : EL1, CODE("msr dbgwcr9_el1, x0"), 0, 0);
    probe("mdscr", EL0, CODE("mrs x0, mdscr_el1"), 0, 0);
    probe("dbgbvr0", EL0, CODE("mrs x0, dbgbvr0_el1"), 0, 0);
    probe("oslar", EL0, CODE("msr oslar_el1, x0"), 0, 0);
    probe("mdccsr", EL0, CODE("mrs x0, mdccsr_el0"), 0, 0);
    write_register(mdscr_el1, MDSCR_TDCC);
    probe("mdccsr, TDCC", EL0, CODE("mrs x5, mdccsr_el0"), 0, 0);
    write_register(mdscr_el1, 0);
    if (home < 2)
        return;
    u64 mdcr = read_register(mdcr_el2);
    write_register(mdcr_el2, mdcr | BIT(9));
    probe("TDA, dbgwvr3", EL1, CODE("mrs x7, dbgwvr3_el1"), 0, 0);
    probe("TDA, dbgbcr5", EL1, CODE("msr dbgbcr5_el1, x7"), 0, 0);
    probe("TDA, mdscr", EL1, CODE("mrs x7, mdscr_el1"), 0, 0);
    probe("TDA, mdccint", EL1, CODE("mrs x7, mdccint_el1"), 0, 0);
    probe("TDA, oslsr", EL1, CODE("mrs x7, oslsr_el1\n mov x7, #0"), 0, 0);
    probe("TDA, mdscr", EL2, CODE("mrs x7, mdscr_el1"), 0, 0);
    write_register(mdcr_el2, mdcr | BIT(10));
    probe("TDOSA, oslsr", EL1, CODE("mrs x7, oslsr_el1"), 0, 0);
    probe("TDOSA, osdlr", EL1, CODE("mrs x7, osdlr_el1"), 0, 0);
    probe("TDOSA, mdscr", EL1, CODE("mrs x7, mdscr_el1"), 0, 0);
    write_register(mdcr_el2, mdcr | BIT(11));
    probe("TDRA, mdrar", EL1, CODE("mrs x7, mdrar_el1"), 0, 0);
    probe("TDRA, mdccsr", EL0, CODE("mrs x7, mdccsr_el0\n mov x7, #0"), 0, 0);
    write_register(mdcr_el2, mdcr | MDCR_TDE);
    probe("TDE, dbgwvr3", EL1, CODE("mrs x7, dbgwvr3_el1"), 0, 0);
    probe("TDE, oslsr", EL1, CODE("mrs x7, oslsr_el1"), 0, 0);
    probe("TDE, mdrar", EL1, CODE("mrs x7, mdrar_el1"), 0, 0);
    write_register(mdcr_el2, mdcr);
    if (home < 3)
        return;
    write_register(mdcr_el3, BIT(9));
    probe("MDCR_EL3.TDA, dbgwvr3", EL1, CODE("mrs x7, dbgwvr3_el1"), 0, 0);
    probe("MDCR_EL3.TDA, dbgwvr3", EL2, CODE("mrs x7, dbgwvr3_el1"), 0, 0);
    write_register(mdcr_el2, mdcr | BIT(9));
    probe("both TDA, dbgwvr3", EL1, CODE("mrs x7, dbgwvr3_el1"), 0, 0);
    probe("both TDA, dbgwvr3", EL2, CODE("mrs x7, dbgwvr3_el1"), 0, 0);
    write_register(mdcr_el2, mdcr);
    write_register(mdcr_el3, 0);
}
