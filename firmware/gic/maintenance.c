/* The maintenance interrupt: each of its causes, and its PPI. */
#include "groups.h"

#define MAINTENANCE 25

static void causes(const char *name)
{
    for (u64 bit = 1; bit < 8; bit++) {
        write_register(ich_hcr_el2, (read_register(ich_hcr_el2) & ~0xfeul) | BIT(bit));
        print(name);
        print_field("enabled", BIT(bit));
        print_field("misr", read_register(ich_misr_el2));
        print_field("pending", is_pending(0, MAINTENANCE));
        print("\n");
    }
    write_register(ich_hcr_el2, read_register(ich_hcr_el2) & ~0xfeul);
}

void maintenance_interrupts(void)
{
    enable(0, MAINTENANCE);
    begin_virtual(0);
    causes("nothing");
    begin_virtual(VMCR_OPEN);
    causes("both groups");
    set_list_registers(LR1(40, 0x80) | PENDING, 0, 0, 0);
    causes("one pending");
    set_list_registers(LR1(40, 0x80) | PENDING, LR1(41, 0x80) | ACTIVE, 0, 0);
    causes("one pending, one active");
    set_list_registers(LR1(40, 0x80) | ACTIVE | PENDING, LR1(41, 0x80) | ACTIVE, 0, 0);
    causes("none merely pending");
    set_list_registers(LR1(40, 0x80) | EOI_ASKED, 0, 0, 0);
    causes("ended");
    print_field("eoi alone, misr", read_register(ich_misr_el2));
    print_field("pending", is_pending(0, MAINTENANCE));
    write_register(ich_hcr_el2, 0);
    print_field("interface off, misr", read_register(ich_misr_el2));
    print_field("pending", is_pending(0, MAINTENANCE));
    print("\n");
    write_register(ich_hcr_el2, ICH_EN | 1ul << 27);
    causes("EOIcount");
    /* As an interrupt of EL2 while EL1 runs. */
    begin_virtual(VMCR_OPEN);
    set_list_registers(LR1(40, 0x80) | ACTIVE | EOI_ASKED, 0, 0, 0);
    write_register(ich_ap1r0_el2, BIT(16));
    probe("end that asks, IRQ at EL2", EL1, CODE("msr icc_eoir1_el1, x0\n nop\n nop"), 40, 0);
    print_field("iar", acknowledge());
    set_list_registers(0, 0, 0, 0);
    print_field("pending then", is_pending(0, MAINTENANCE));
    end(MAINTENANCE);
    print("\n");
    write_register(ich_hcr_el2, ICH_EN | BIT(6));
    probe("group 1 enabled by the guest", EL1, CODE("msr icc_igrpen1_el1, x0\n nop"), 0, 0);
    write_register(ich_hcr_el2, ICH_EN | BIT(7));
    probe("group 1 disabled, pending already", EL1, CODE("nop\n nop"), 0, 0);
    write_register(ich_hcr_el2, ICH_EN);
    probe("neither", EL1, CODE("nop\n nop"), 0, 0);
    end_virtual();
    disable(0, MAINTENANCE);
}
