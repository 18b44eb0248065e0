/* List registers with unusual contents, and those tied to a physical interrupt. */
#include "groups.h"

#define PPI 27

static void one(const char *name, u64 lr)
{
    begin_virtual(VMCR_OPEN);
    set_list_registers(lr, 0, 0, 0);
    print(name);
    print("\n");
    probe_value("  hppir", EL1, CODE("mrs x0, icc_hppir1_el1"), 0, 0);
    probe_value("  iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    print_virtual("  then");
    probe_value("  eoi", EL1, CODE("msr icc_eoir1_el1, x0\n mrs x0, icc_rpr_el1"), lr & 0xffff, 0);
    print_virtual("  then");
}

/* PPI active for EL2, which has dropped its priority. */
static void physical_active(void)
{
    write_register(hcr_el2, HCR_RW);
    write_register(icc_ctlr_el1, 2);
    enable(0, PPI);
    *word(GICR(0) + SGI_FRAME + GICD_ICFGR + 4) = 2u << (PPI - 16) * 2;
    *word(GICR(0) + SGI_FRAME + GICD_ISPENDR) = 1u << PPI;
    u32 intid = acknowledge();
    end(intid);
    print_field("physical", intid);
    print_field("active", is_active(0, PPI));
    print("\n");
}

static void tied(const char *name, u64 lr, u64 vmcr)
{
    print(name);
    physical_active();
    begin_virtual(VMCR_OPEN | vmcr);
    set_list_registers(lr, 0, 0, 0);
    probe_value("  iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    print_virtual("  then");
    probe_value("  eoi", EL1, CODE("msr icc_eoir1_el1, x0\n mrs x0, icc_rpr_el1"), lr & 0xffff, 0);
    print_field("  active", is_active(0, PPI));
    print_virtual("");
    probe_value("  dir", EL1, CODE("msr icc_dir_el1, x0\n mrs x0, icc_rpr_el1"), lr & 0xffff, 0);
    print_field("  active", is_active(0, PPI));
    print_virtual("");
    write_register(icc_dir_el1, PPI);
}

void list_register_corners(void)
{
    begin_virtual(VMCR_OPEN);
    set_list_registers(~0ul & ~PENDING & ~ACTIVE, ~0ul, 0, 0);
    print_field("lr0", read_register(ich_lr0_el2));
    print_field("lr1", read_register(ich_lr1_el2));
    write_register(ich_hcr_el2, 0xf8007c00 | 0xff);
    print_field("hcr", read_register(ich_hcr_el2));
    write_register(ich_ap0r0_el2, ~0ul);
    write_register(ich_ap1r0_el2, ~0ul);
    print_field("ap0r0", read_register(ich_ap0r0_el2));
    print_field("ap1r0", read_register(ich_ap1r0_el2));
    print("\n");
    end_virtual();
    one("sgi", LR1(3, 0x80) | PENDING);
    one("lpi", LR1(8200, 0x80) | PENDING);
    one("lpi, active", LR1(8200, 0x80) | PENDING | ACTIVE);
    one("1020", LR1(1020, 0x80) | PENDING);
    one("1023", LR1(1023, 0x80) | PENDING);
    one("active", LR1(40, 0x80) | ACTIVE);
    one("pending and active", LR1(40, 0x80) | ACTIVE | PENDING);
    one("lowest priority", LR1(40, 0xf0) | PENDING);
    one("highest priority", LR1(40, 0) | PENDING);
    one("group 0 by group 1's", LR(40, 0x80) | PENDING);
    one("asks at its end", LR1(40, 0x80) | PENDING | EOI_ASKED);
    /* The same vINTID twice. */
    begin_virtual(VMCR_OPEN);
    set_list_registers(LR1(40, 0x80) | PENDING, LR1(40, 0x40) | PENDING, 0, 0);
    probe_value("twice, iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    probe_value("twice, iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    print_virtual("  then");
    probe_value("twice, eoi", EL1, CODE("msr icc_eoir1_el1, x0\n mrs x0, icc_rpr_el1"), 40, 0);
    print_virtual("  then");
    u64 hardware = HARDWARE | (u64)PPI << 32;
    tied("tied", LR1(40, 0x80) | PENDING | hardware, 0);
    tied("tied, EOImode 1", LR1(40, 0x80) | PENDING | hardware, VEOIM);
    tied("tied, active", LR1(40, 0x80) | ACTIVE | hardware, VEOIM);
    tied("tied to 1023", LR1(40, 0x80) | PENDING | HARDWARE | 1023ul << 32, 0);
    end_virtual();
    disable(0, PPI);
    *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = 1u << PPI;
    *word(GICR(0) + SGI_FRAME + GICD_ICFGR + 4) = 0;
    write_register(icc_ctlr_el1, 0);
}
