/* What EL1 may forbid EL0, and who may use the FP and SIMD registers (SCTLR_EL1, CNTKCTL_EL1, CPACR_EL1). */
#include "runtime.h"
#include "groups.h"

#define BIT(n) (1ul << (n))
#define UMA BIT(9)
#define DZE BIT(14)
#define UCT BIT(15)
#define nTWI BIT(16)
#define nTWE BIT(18)
#define UCI BIT(26)

/* One instruction at EL0 with a bit of SCTLR_EL1 clear and set. */
#define GATED(name, bit, instruction)                                                                                  \
    do {                                                                                                               \
        write_register(sctlr_el1, SCTLR_EL1_OFF & ~(bit));                                                             \
        probe(name ", forbidden", EL0, CODE(instruction), data, 0);                                                    \
        write_register(sctlr_el1, SCTLR_EL1_OFF | (bit));                                                              \
        probe(name ", allowed", EL0, CODE(instruction), data, 0);                                                      \
        write_register(sctlr_el1, SCTLR_EL1_OFF);                                                                      \
    } while (0)

void user_controls(void)
{
    u64 data = 0x41000000;

    GATED("mrs daif", UMA, "mrs x0, daif");
    GATED("msr daif", UMA, "msr daif, xzr");
    GATED("msr daifset", UMA, "msr daifset, #5");
    GATED("msr daifclr", UMA, "msr daifclr, #10");
    GATED("dc zva", DZE, "dc zva, x0");
    GATED("ctr_el0", UCT, "mrs x7, ctr_el0");
    GATED("dczid_el0", DZE, "mrs x7, dczid_el0");
    GATED("dc cvau", UCI, "dc cvau, x0");
    GATED("dc cvac", UCI, "dc cvac, x0");
    GATED("dc civac", UCI, "dc civac, x0");
    GATED("ic ivau", UCI, "ic ivau, x0");
    GATED("wfi", nTWI, "nop");
    write_register(sctlr_el1, SCTLR_EL1_OFF & ~nTWI);
    probe("wfi", EL0, CODE("wfi"), 0, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF & ~nTWE);
    probe("wfe with the event register set", EL0, CODE("sevl\n wfe"), 0, 0);
    probe("wfe", EL0, CODE("sevl\n wfe\n wfe"), 0, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    probe_value("dczid_el0 where dc zva is not allowed", EL0, CODE("mrs x0, dczid_el0"), 0, 0);

    probe_value("tpidr_el0", EL0, CODE("msr tpidr_el0, x0\n mrs x0, tpidr_el0"), 0x1234, 0);
    probe_value("tpidrro_el0, read", EL0, CODE("mrs x0, tpidrro_el0\n mov x0, #0"), 0, 0);
    probe("tpidrro_el0, write", EL0, CODE("msr tpidrro_el0, x0"), 0, 0);
    probe("tpidr_el1", EL0, CODE("mrs x0, tpidr_el1"), 0, 0);
    probe("cntfrq_el0, write", EL0, CODE("msr cntfrq_el0, x0"), 0, 0);

    write_register(cntkctl_el1, 0);
    probe("cntvct_el0, forbidden", EL0, CODE("mrs x9, cntvct_el0"), 0, 0);
    probe("cntpct_el0, forbidden", EL0, CODE("mrs x9, cntpct_el0"), 0, 0);
    probe("cntfrq_el0, forbidden", EL0, CODE("mrs x9, cntfrq_el0"), 0, 0);
    probe("cntv_ctl_el0, forbidden", EL0, CODE("mrs x9, cntv_ctl_el0"), 0, 0);
    probe("cntp_cval_el0, forbidden", EL0, CODE("msr cntp_cval_el0, x9"), 0, 0);
    probe("cntp_tval_el0, forbidden", EL0, CODE("mrs x9, cntp_tval_el0"), 0, 0);
    write_register(cntkctl_el1, 1);
    probe("cntpct_el0, allowed", EL0, CODE("mrs x9, cntpct_el0"), 0, 0);
    probe("cntvct_el0, not yet", EL0, CODE("mrs x9, cntvct_el0"), 0, 0);
    probe("cntfrq_el0, by the physical", EL0, CODE("mrs x9, cntfrq_el0"), 0, 0);
    write_register(cntkctl_el1, 2);
    probe("cntvct_el0, allowed", EL0, CODE("mrs x9, cntvct_el0"), 0, 0);
    probe("cntfrq_el0, by the virtual", EL0, CODE("mrs x9, cntfrq_el0"), 0, 0);
    write_register(cntkctl_el1, 0x100);
    probe("cntv_ctl_el0, allowed", EL0, CODE("mrs x9, cntv_ctl_el0"), 0, 0);
    write_register(cntkctl_el1, 0x200);
    probe("cntp_cval_el0, allowed", EL0, CODE("mrs x9, cntp_cval_el0"), 0, 0);
    write_register(cntkctl_el1, 0);

    write_register(pmuserenr_el0, 0);
    probe("pmcr_el0, forbidden", EL0, CODE("mrs x9, pmcr_el0"), 0, 0);
    probe("pmccntr_el0, forbidden", EL0, CODE("mrs x9, pmccntr_el0"), 0, 0);
    probe("pmuserenr_el0, read", EL0, CODE("mrs x9, pmuserenr_el0"), 0, 0);
    probe("pmuserenr_el0, write", EL0, CODE("msr pmuserenr_el0, x9"), 0, 0);
    write_register(pmuserenr_el0, 4);
    probe("pmccntr_el0, CR", EL0, CODE("mrs x9, pmccntr_el0"), 0, 0);
    write_register(pmuserenr_el0, 1);
    probe("pmcr_el0, EN", EL0, CODE("mrs x9, pmcr_el0"), 0, 0);
    write_register(pmuserenr_el0, 0);
}

#define FP_INSTRUCTION ".inst 0x1e604020" /* fmov d0, d1 */
#define SIMD_INSTRUCTION ".inst 0x4e208400" /* add v0.16b, v0.16b, v0.16b */
#define FP_LOAD ".inst 0xfd400000" /* ldr d0, [x0] */

static void fp_at_each_level(const char *setting)
{
    FOR_EACH_LEVEL(pstate) {
        print(setting);
        probe(", fmov", pstate, CODE(FP_INSTRUCTION), 0, 0);
    }
}

void floating_point(void)
{
    for (u64 fpen = 0; fpen < 4; fpen++) {
        write_register(cpacr_el1, fpen << 20);
        print("CPACR_EL1.FPEN ");
        print_decimal(fpen);
        fp_at_each_level("");
    }
    write_register(cpacr_el1, 1ul << 20);
    probe("simd", EL0, CODE(SIMD_INSTRUCTION), 0, 0);
    probe("fp load", EL0, CODE(FP_LOAD), 0x41000000, 0);
    probe("mrs fpcr", EL0, CODE("mrs x0, fpcr"), 0, 0);
    probe("msr fpsr", EL0, CODE("msr fpsr, xzr"), 0, 0);
    probe("unallocated simd", EL0, CODE(".inst 0x0ee00400"), 0, 0);
    write_register(cpacr_el1, 3ul << 20);
    if (home >= 2) {
        write_register(cptr_el2, CPTR_EL2_OPEN | 1 << 10);
        fp_at_each_level("CPTR_EL2.TFP");
        write_register(cpacr_el1, 0);
        fp_at_each_level("CPTR_EL2.TFP, CPACR_EL1.FPEN 0");
        write_register(cpacr_el1, 3ul << 20);
        write_register(cptr_el2, CPTR_EL2_OPEN);
    }
    if (home == 3) {
        write_register(cptr_el3, 1 << 10);
        fp_at_each_level("CPTR_EL3.TFP");
        write_register(cptr_el3, 0);
    }
    probe_value("fpcr, fpsr", EL0, CODE("msr fpcr, x0\n msr fpsr, x1\n mrs x0, fpcr\n mrs x1, fpsr\n orr x0, x0, x1, lsl #32\n msr fpcr, xzr\n msr fpsr, xzr"),
                0xffffffff, 0xffffffff);
}
