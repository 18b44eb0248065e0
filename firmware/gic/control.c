/* ICH_VMCR_EL2 and the guest's own names for what is in it. */
#include "groups.h"

void set_list_registers(u64 lr0, u64 lr1, u64 lr2, u64 lr3)
{
    write_register(ich_lr0_el2, lr0);
    write_register(ich_lr1_el2, lr1);
    write_register(ich_lr2_el2, lr2);
    write_register(ich_lr3_el2, lr3);
}

void begin_virtual(u64 vmcr)
{
    set_list_registers(0, 0, 0, 0);
    write_register(ich_ap0r0_el2, 0);
    write_register(ich_ap1r0_el2, 0);
    write_register(ich_vmcr_el2, vmcr);
    write_register(ich_hcr_el2, ICH_EN);
    write_register(hcr_el2, HCR_RW | IMO | FMO);
}

void end_virtual(void)
{
    begin_virtual(0);
    write_register(ich_hcr_el2, 0);
    write_register(hcr_el2, HCR_RW);
}

void print_virtual(const char *name)
{
    print(name);
    print_field("lr0", read_register(ich_lr0_el2));
    print_field("lr1", read_register(ich_lr1_el2));
    print_field("lr2", read_register(ich_lr2_el2));
    print_field("ap0", read_register(ich_ap0r0_el2));
    print_field("ap1", read_register(ich_ap1r0_el2));
    print_field("misr", read_register(ich_misr_el2));
    print_field("eisr", read_register(ich_eisr_el2));
    print_field("elrsr", read_register(ich_elrsr_el2));
    print_field("hcr", read_register(ich_hcr_el2));
    print("\n");
}

static void print_controls(const char *name)
{
    static const char *const names[] = {"pmr", "bpr0", "bpr1", "ctlr", "grpen0", "grpen1"};
    const void *const codes[] = {
        CODE("mrs x0, icc_pmr_el1"), CODE("mrs x0, icc_bpr0_el1"), CODE("mrs x0, icc_bpr1_el1"),
        CODE("mrs x0, icc_ctlr_el1\n and x0, x0, #0x7ff"), CODE("mrs x0, icc_igrpen0_el1"),
        CODE("mrs x0, icc_igrpen1_el1"),
    };
    print(name);
    print_field("vmcr", read_register(ich_vmcr_el2));
    for (u32 i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        run(EL1, codes[i], 0, 0);
        print_field(names[i], probe_results.x[0]);
    }
    print("\n");
}

#define GUEST_WRITES(register, value)                                                                                  \
    do {                                                                                                               \
        run(EL1, CODE("msr " register ", x0"), value, 0);                                                              \
        print_field("wrote", value);                                                                                   \
        print_controls(" to " register);                                                                               \
    } while (0)

void machine_control(void)
{
    static const u64 values[] = {0, ~0ul & ~VPMR(7), VENG0, VENG1, VCBPR, VEOIM, VPMR(0x58), VBPR0(3), VBPR1(5), VBPR0(7) | VCBPR,
                                 VBPR0(4) | VBPR1(2) | VCBPR | VPMR(0xf8) | VENG1};
    /* Which fields there are; what is not GICv3's is left out. */
    print_field("vtr", read_register(ich_vtr_el2) & 0xfc78001f);
    print("\n");
    for (u32 i = 0; i < sizeof values / sizeof values[0]; i++) {
        begin_virtual(values[i]);
        print_field("vmcr", values[i]);
        print_controls(" gives");
    }
    begin_virtual(VMCR_OPEN);
    for (u64 bpr = 0; bpr < 8; bpr++) {
        GUEST_WRITES("icc_bpr0_el1", bpr);
        GUEST_WRITES("icc_bpr1_el1", bpr);
    }
    GUEST_WRITES("icc_pmr_el1", 0x78ul);
    GUEST_WRITES("icc_pmr_el1", 0x1f8ul);
    GUEST_WRITES("icc_ctlr_el1", 1ul);
    GUEST_WRITES("icc_bpr1_el1", 1ul);
    GUEST_WRITES("icc_bpr0_el1", 5ul);
    GUEST_WRITES("icc_ctlr_el1", ~0ul);
    GUEST_WRITES("icc_ctlr_el1", 0ul);
    GUEST_WRITES("icc_igrpen0_el1", 0ul);
    GUEST_WRITES("icc_igrpen1_el1", 2ul);
    GUEST_WRITES("icc_igrpen1_el1", 3ul);
    /* With one of the two redirected, the other is the physical interface. */
    begin_virtual(VMCR_OPEN | VBPR0(6) | VBPR1(5));
    static const u64 redirected[] = {0, FMO, IMO, FMO | IMO};
    for (u32 i = 0; i < 4; i++) {
        write_register(hcr_el2, HCR_RW | redirected[i]);
        print_controls(i == 0 ? "neither" : i == 1 ? "FMO" : i == 2 ? "IMO" : "both");
    }
    end_virtual();
    write_register(icc_igrpen1_el1, 1);
}
