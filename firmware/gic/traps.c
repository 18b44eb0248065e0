/* What ICH_HCR_EL2, HCR_EL2 and ICC_SRE_ELx keep from EL1. */
#include "groups.h"

#define READ(register) {"mrs " register, 0}

static void accesses(const char *name)
{
    print(name);
    print("\n");
#define ACCESS(instruction) probe("  " instruction, EL1, CODE(instruction), 0xff, 0)
    ACCESS("mrs x3, icc_pmr_el1");
    ACCESS("msr icc_pmr_el1, x0");
    ACCESS("mrs x3, icc_iar0_el1");
    ACCESS("msr icc_eoir0_el1, x0");
    ACCESS("mrs x3, icc_hppir0_el1");
    ACCESS("mrs x3, icc_bpr0_el1");
    ACCESS("mrs x3, icc_ap0r0_el1");
    ACCESS("mrs x3, icc_ap1r0_el1");
    ACCESS("msr icc_dir_el1, x0");
    ACCESS("mrs x3, icc_rpr_el1");
    ACCESS("msr icc_sgi0r_el1, xzr");
    ACCESS("msr icc_sgi1r_el1, xzr");
    ACCESS("msr icc_asgi1r_el1, xzr");
    ACCESS("mrs x3, icc_iar1_el1");
    ACCESS("msr icc_eoir1_el1, x0");
    ACCESS("mrs x3, icc_hppir1_el1");
    ACCESS("mrs x3, icc_bpr1_el1");
    ACCESS("mrs x3, icc_ctlr_el1");
    ACCESS("mrs x3, icc_sre_el1");
    ACCESS("mrs x3, icc_igrpen0_el1");
    ACCESS("mrs x3, icc_igrpen1_el1");
    ACCESS("mrs x3, ich_lr0_el2");
    ACCESS("mrs x3, icc_sre_el2");
    ACCESS("mrs x3, icc_sre_el3");
    ACCESS("mrs x3, icc_ctlr_el3");
}

void interface_traps(void)
{
    static const struct {
        const char *name;
        u64 bit;
    } settings[] = {{"no trap", 0}, {"TC", BIT(10)}, {"TALL0", BIT(11)}, {"TALL1", BIT(12)}, {"TDIR", BIT(14)}};
    for (u32 i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        begin_virtual(VMCR_OPEN);
        write_register(ich_hcr_el2, ICH_EN | settings[i].bit);
        accesses(settings[i].name);
    }
    end_virtual();
    accesses("neither FMO nor IMO");
    write_register(ich_hcr_el2, BIT(10) | BIT(11) | BIT(12));
    accesses("neither, all traps");
    write_register(ich_hcr_el2, 0);
    write_register(hcr_el2, HCR_RW | IMO);
    probe("IMO, sgi0r", EL1, CODE("msr icc_sgi0r_el1, xzr"), 0, 0);
    probe("IMO, sgi1r", EL1, CODE("msr icc_sgi1r_el1, xzr"), 0, 0);
    write_register(hcr_el2, HCR_RW | FMO);
    probe("FMO, sgi0r", EL1, CODE("msr icc_sgi0r_el1, xzr"), 0, 0);
    probe("FMO, sgi1r", EL1, CODE("msr icc_sgi1r_el1, xzr"), 0, 0);
    write_register(hcr_el2, HCR_RW);
    probe("icc_pmr", EL0, CODE("mrs x0, icc_pmr_el1"), 0, 0);
    probe("list register 4", EL2, CODE("mrs x0, ich_lr4_el2"), 0, 0);
    probe("icc_sre_el3", EL2, CODE("mrs x0, icc_sre_el3"), 0, 0);
    probe("icc_iar1, written", EL2, CODE("msr icc_iar1_el1, x0"), 0, 0);
    probe("icc_eoir1, read", EL2, CODE("mrs x0, icc_eoir1_el1"), 0, 0);
    probe("ich_misr, written", EL2, CODE("msr ich_misr_el2, x0"), 0, 0);
    probe("icc_ap1r1", EL2, CODE("mrs x0, icc_ap1r1_el1"), 0, 0);
    write_register(icc_pmr_el1, 0xff);
    write_register(icc_igrpen1_el1, 1);
}
