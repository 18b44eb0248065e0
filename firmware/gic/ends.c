/* Ends of virtual interrupts: priority drop, deactivation, both modes, ends of what is not there. */
#include "groups.h"

#define ACK1 CODE("mrs x0, icc_iar1_el1")
#define ACK0 CODE("mrs x0, icc_iar0_el1")
#define END1 CODE("msr icc_eoir1_el1, x0\n mrs x0, icc_rpr_el1")
#define END0 CODE("msr icc_eoir0_el1, x0\n mrs x0, icc_rpr_el1")
#define DEACTIVATE CODE("msr icc_dir_el1, x0\n mrs x0, icc_rpr_el1")

static void acknowledged(u64 vmcr)
{
    begin_virtual(VMCR_OPEN | vmcr);
    set_list_registers(LR1(40, 0x80) | PENDING, LR1(41, 0x40) | PENDING | EOI_ASKED, LR(42, 0x20) | PENDING, 0);
    run(EL1, ACK1, 0, 0);
    run(EL1, ACK0, 0, 0);
    run(EL1, ACK1, 0, 0);
    print_virtual("acknowledged");
}

static void ended(const char *name, const void *code, u64 intid)
{
    probe_value(name, EL1, code, intid, 0);
    print_virtual("  then");
}

void virtual_ends(void)
{
    for (u64 mode = 0; mode < 2; mode++) {
        u64 vmcr = mode ? VEOIM : 0;
        print(mode ? "EOImode 1\n" : "EOImode 0\n");
        begin_virtual(VMCR_OPEN | vmcr);
        set_list_registers(LR1(40, 0x80) | PENDING, 0, 0, 0);
        ended("iar", ACK1, 0);
        set_list_registers(read_register(ich_lr0_el2), LR1(41, 0x40) | PENDING | EOI_ASKED, 0, 0);
        ended("preempting iar", ACK1, 0);
        set_list_registers(read_register(ich_lr0_el2), read_register(ich_lr1_el2), LR(42, 0x20) | PENDING, 0);
        ended("preempting iar0", ACK0, 0);
        ended("eoir1 of group 0's", END1, 42);
        ended("eoir0", END0, 42);
        ended("eoir1, out of order", END1, 40);
        ended("eoir1", END1, 41);
        ended("eoir1 once more", END1, 41);
        ended("eoir1 with nothing active", END1, 40);
        ended("dir", DEACTIVATE, 40);
        ended("dir", DEACTIVATE, 41);
        ended("dir", DEACTIVATE, 42);
        ended("dir of nothing", DEACTIVATE, 50);
        ended("dir of 1023", DEACTIVATE, 1023);
        acknowledged(vmcr);
        ended("eoir1 of an unknown one", END1, 77);
        ended("eoir1 of an LPI", END1, 8200);
        ended("eoir1 of 1023", END1, 1023);
        ended("eoir1 of 1020", END1, 1020);
        ended("dir of an LPI", DEACTIVATE, 8200);
    }
    /* ICH_HCR_EL2.EOIcount. */
    begin_virtual(VMCR_OPEN);
    for (u64 i = 0; i < 5; i++) {
        write_register(ich_ap1r0_el2, BIT(16));
        run(EL1, END1, 60 + i, 0);
    }
    print_virtual("five ends of none");
    write_register(ich_hcr_el2, read_register(ich_hcr_el2) | BIT(2));
    print_virtual("LRENPIE");
    write_register(ich_hcr_el2, ICH_EN | 30ul << 27);
    write_register(ich_ap1r0_el2, BIT(16));
    run(EL1, END1, 60, 0);
    print_virtual("31 ends");
    end_virtual();
}
