/* What EL2 traps from the levels below, where it sends their exceptions, and the virtual interrupts it makes. */
#include "runtime.h"
#include "groups.h"

#define BIT(n) (1ul << (n))

enum {
    FMO = 3, IMO = 4, AMO = 5, VF = 6, VI = 7, VSE = 8, TWI = 13, TWE = 14, TID1 = 16, TID2 = 17, TID3 = 18, TSC = 19,
    TIDCP = 20, TACR = 21, TSW = 22, TPC = 23, TPU = 24, TTLB = 25, TVM = 26, TGE = 27, TDZ = 28, TRVM = 30,
};

#define TRAPPED(bit, level, instruction)                                                                               \
    do {                                                                                                               \
        write_register(hcr_el2, HCR_RW | BIT(bit));                                                                    \
        probe("HCR_EL2." #bit ", " instruction, level, CODE(instruction), 0x41000000, 0);                              \
        write_register(hcr_el2, HCR_RW);                                                                               \
    } while (0)

static void system_register_traps(void)
{
    TRAPPED(TVM, EL1, "msr ttbr0_el1, x0");
    TRAPPED(TVM, EL1, "msr contextidr_el1, x5");
    TRAPPED(TVM, EL1, "mrs x5, tcr_el1");
    TRAPPED(TRVM, EL1, "mrs x5, tcr_el1");
    TRAPPED(TRVM, EL1, "mrs x30, sctlr_el1");
    TRAPPED(TRVM, EL1, "msr afsr0_el1, xzr");
    TRAPPED(TVM, EL2, "msr ttbr0_el1, x0");
    TRAPPED(TVM, EL0, "mrs x0, ttbr0_el1");
    TRAPPED(TID1, EL1, "mrs x0, aidr_el1");
    TRAPPED(TID1, EL1, "mrs x0, revidr_el1");
    TRAPPED(TID1, EL1, "mrs x0, midr_el1");
    TRAPPED(TID2, EL1, "mrs x0, ctr_el0");
    TRAPPED(TID2, EL1, "mrs x0, clidr_el1");
    TRAPPED(TID2, EL1, "mrs x0, ccsidr_el1");
    TRAPPED(TID2, EL1, "msr csselr_el1, xzr");
    TRAPPED(TID3, EL1, "mrs x7, id_aa64pfr0_el1");
    TRAPPED(TID3, EL1, "mrs x7, id_aa64mmfr2_el1");
    TRAPPED(TID3, EL1, "mrs x7, id_pfr0_el1");
    TRAPPED(TID3, EL1, "mrs x7, mvfr1_el1");
    TRAPPED(TID3, EL0, "mrs x7, id_aa64pfr0_el1");
    TRAPPED(TIDCP, EL1, "mrs x3, s3_0_c15_c3_5");
    TRAPPED(TIDCP, EL1, "msr s3_1_c11_c5_6, x3");
    TRAPPED(TACR, EL1, "mrs x3, actlr_el1");
    TRAPPED(TSW, EL1, "dc isw, x0");
    TRAPPED(TSW, EL1, "dc cisw, x9");
    TRAPPED(TPC, EL1, "dc ivac, x0");
    TRAPPED(TPC, EL1, "dc civac, x0");
    TRAPPED(TPC, EL1, "dc cvac, x0");
    TRAPPED(TPU, EL1, "ic iallu");
    TRAPPED(TPU, EL1, "ic ivau, x0");
    TRAPPED(TPU, EL1, "dc cvau, x0");
    TRAPPED(TTLB, EL1, "tlbi vmalle1");
    TRAPPED(TTLB, EL1, "tlbi vae1is, x2");
    TRAPPED(TTLB, EL1, "tlbi aside1, x2");
    TRAPPED(TTLB, EL2, "tlbi vmalle1");
    TRAPPED(TDZ, EL1, "dc zva, x0");
    TRAPPED(TWI, EL1, "wfi");
    TRAPPED(TWI, EL0, "wfi");
    TRAPPED(TWE, EL1, "sevl\n wfe\n wfe");
    TRAPPED(TSC, EL1, "smc #0x44");
    TRAPPED(TSC, EL0, "smc #0x44");
    write_register(hcr_el2, HCR_RW | BIT(TDZ));
    probe_value("HCR_EL2.TDZ, dczid_el0", EL1, CODE("mrs x0, dczid_el0"), 0, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF & ~BIT(16));
    write_register(hcr_el2, HCR_RW | BIT(TWI));
    probe("wfi that both EL1 and EL2 trap", EL0, CODE("wfi"), 0, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF | BIT(26) | BIT(14) | BIT(15));
    TRAPPED(TPC, EL0, "dc cvac, x0");
    TRAPPED(TPU, EL0, "ic ivau, x0");
    TRAPPED(TDZ, EL0, "dc zva, x0");
    TRAPPED(TID2, EL0, "mrs x1, ctr_el0");
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    write_register(hcr_el2, HCR_RW);
    probe_value("midr_el1 is vpidr_el2", EL2,
                CODE("mrs x9, vpidr_el2\n mov x1, #0x1234\n msr vpidr_el2, x1\n isb\n mrs x0, vpidr_el2\n msr vpidr_el2, x9"),
                0, 0);
    write_register(vpidr_el2, 0x56789);
    write_register(vmpidr_el2, 0x80000042);
    probe_value("midr_el1 by vpidr_el2", EL1, CODE("mrs x0, midr_el1"), 0, 0);
    probe_value("mpidr_el1 by vmpidr_el2", EL1, CODE("mrs x0, mpidr_el1"), 0, 0);
    write_register(vpidr_el2, read_register(midr_el1));
    write_register(vmpidr_el2, read_register(mpidr_el1));
}

static void other_trap_registers(void)
{
    write_register(cptr_el2, CPTR_EL2_OPEN | BIT(31));
    probe("CPTR_EL2.TCPAC, cpacr_el1", EL1, CODE("mrs x0, cpacr_el1"), 0, 0);
    probe("CPTR_EL2.TCPAC, cpacr_el1", EL2, CODE("mrs x0, cpacr_el1"), 0, 0);
    write_register(cptr_el2, CPTR_EL2_OPEN);
    u64 mdcr = read_register(mdcr_el2);
    write_register(mdcr_el2, mdcr | BIT(9) | BIT(10) | BIT(11));
    probe("MDCR_EL2.TDA, mdscr_el1", EL1, CODE("msr mdscr_el1, xzr"), 0, 0);
    probe("MDCR_EL2.TDA, dbgbvr0_el1", EL1, CODE("mrs x0, dbgbvr0_el1"), 0, 0);
    probe("MDCR_EL2.TDRA, mdrar_el1", EL1, CODE("mrs x0, mdrar_el1"), 0, 0);
    probe("MDCR_EL2.TDOSA, oslar_el1", EL1, CODE("msr oslar_el1, xzr"), 0, 0);
    probe("MDCR_EL2.TDOSA, oslsr_el1", EL1, CODE("mrs x0, oslsr_el1"), 0, 0);
    write_register(mdcr_el2, mdcr | BIT(6));
    probe("MDCR_EL2.TPM, pmccntr_el0", EL1, CODE("mrs x0, pmccntr_el0"), 0, 0);
    probe("MDCR_EL2.TPM, pmcr_el0", EL1, CODE("mrs x0, pmcr_el0"), 0, 0);
    write_register(mdcr_el2, mdcr | BIT(5));
    probe("MDCR_EL2.TPMCR, pmcr_el0", EL1, CODE("mrs x0, pmcr_el0"), 0, 0);
    probe("MDCR_EL2.TPMCR, pmccntr_el0", EL1, CODE("mrs x8, pmccntr_el0"), 0, 0);
    write_register(mdcr_el2, mdcr | BIT(8));
    probe("MDCR_EL2.TDE, brk", EL1, CODE("brk #3"), 0, 0);
    probe("MDCR_EL2.TDE, brk", EL0, CODE("brk #3"), 0, 0);
    probe("MDCR_EL2.TDE, brk", EL2, CODE("brk #3"), 0, 0);
    write_register(mdcr_el2, mdcr);
    write_register(cnthctl_el2, 0);
    probe("CNTHCTL_EL2 0, cntpct_el0", EL1, CODE("mrs x8, cntpct_el0"), 0, 0);
    probe("CNTHCTL_EL2 0, cntp_ctl_el0", EL1, CODE("msr cntp_ctl_el0, xzr"), 0, 0);
    probe("CNTHCTL_EL2 0, cntvct_el0", EL1, CODE("mrs x8, cntvct_el0"), 0, 0);
    probe("CNTHCTL_EL2 0, cntp_tval_el0", EL1, CODE("mrs x8, cntp_tval_el0"), 0, 0);
    write_register(cnthctl_el2, 3);
}

void hypervisor_traps(void)
{
    system_register_traps();
    other_trap_registers();
}

void routing(void)
{
    write_register(hcr_el2, HCR_RW | BIT(TGE));
    probe("TGE, svc", EL0, CODE("svc #2"), 0, 0);
    probe("TGE, brk", EL0, CODE("brk #2"), 0, 0);
    probe("TGE, udf", EL0, CODE("udf #2"), 0, 0);
    probe("TGE, external abort", EL0, CODE("ldr x0, [x0]"), 0x0b800000, 0);
    probe("TGE, ldxr unaligned", EL0, CODE("ldxr x1, [x0]"), 0x41000001, 0);
    probe("TGE, br unaligned", EL0, CODE("br x0"), 0x41000002, 0);
    probe("TGE, br to nowhere", EL0, CODE("br x0"), 0x0b800000, 0);
    probe("TGE, msr daifset", EL0, CODE("msr daifset, #1"), 0, 0);
    probe("TGE, mrs sctlr_el1", EL0, CODE("mrs x0, sctlr_el1"), 0, 0);
    probe("TGE, hvc", EL0, CODE("hvc #2"), 0, 0);
    probe("TGE, fmov", EL0, CODE(".inst 0x1e604020"), 0, 0);
    write_register(cpacr_el1, 0);
    probe("TGE, fmov with FPEN 0", EL0, CODE(".inst 0x1e604020"), 0, 0);
    write_register(cpacr_el1, 3ul << 20);
    write_register(cntkctl_el1, 0);
    probe("TGE, cntvct_el0", EL0, CODE("mrs x0, cntvct_el0"), 0, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF & ~BIT(16));
    probe("TGE, wfi with nTWI clear", EL0, CODE("wfi"), 0, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    write_register(hcr_el2, HCR_RW);
}

#define TEA BIT(37)
#define UNMASKED ~0x3c0ul

void virtual_interrupts(void)
{
    static const struct {
        const char *name;
        u64 hcr;
    } settings[] = {
        {"VI", BIT(VI)},
        {"VI, IMO", BIT(VI) | BIT(IMO)},
        {"VF, FMO", BIT(VF) | BIT(FMO)},
        {"VI, VF, IMO, FMO", BIT(VI) | BIT(VF) | BIT(IMO) | BIT(FMO)},
        {"VI, FMO", BIT(VI) | BIT(FMO)},
        {"VSE", BIT(VSE)},
        {"VSE, AMO", BIT(VSE) | BIT(AMO)},
        {"VSE, VI, AMO, IMO", BIT(VSE) | BIT(VI) | BIT(AMO) | BIT(IMO)},
        {"VI, IMO, TGE", BIT(VI) | BIT(IMO) | BIT(TGE)},
    };
    for (u32 i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        for (u64 level = 0; level <= 2; level++) {
            if (level == 1 && settings[i].hcr & BIT(TGE))
                continue;
            write_register(hcr_el2, HCR_RW | settings[i].hcr);
            probe(settings[i].name, levels[level] & UNMASKED, CODE("nop\n nop"), 0, 0);
            print("  then HCR_EL2");
            print_field("is", read_register(hcr_el2));
            print("\n");
            write_register(hcr_el2, HCR_RW | settings[i].hcr);
            probe(settings[i].name, levels[level], CODE("nop\n nop"), 0, 0);
        }
    }
    write_register(hcr_el2, HCR_RW | BIT(VI) | BIT(IMO));
    probe_value("isr_el1 with VI", EL1, CODE("mrs x0, isr_el1"), 0, 0);
    probe("VI unmasked by daifclr", EL1, CODE("nop\n msr daifclr, #2\n nop"), 0, 0);
    probe("VI unmasked by msr daif", EL1, CODE("nop\n msr daif, xzr\n nop"), 0, 0);
    probe("VI unmasked by eret", EL1,
          CODE("mov x0, #5\n msr spsr_el1, x0\n adr x0, 1f\n msr elr_el1, x0\n eret\n nop\n 1: nop"), 0, 0);
    probe("VI, wfi goes on", EL1, CODE("wfi\n brk #1"), 0, 0);
    write_register(hcr_el2, HCR_RW | BIT(VF) | BIT(FMO));
    probe_value("isr_el1 with VF", EL1, CODE("mrs x0, isr_el1"), 0, 0);
    write_register(hcr_el2, HCR_RW | BIT(VSE) | BIT(AMO));
    probe_value("isr_el1 with VSE", EL1, CODE("mrs x0, isr_el1"), 0, 0);
    write_register(hcr_el2, HCR_RW | BIT(VI));
    probe_value("isr_el1 with VI but not IMO", EL1, CODE("mrs x0, isr_el1"), 0, 0);
    write_register(hcr_el2, HCR_RW);
}

#define DISR_EL1 "s3_0_c12_c1_1"
#define ESB "hint #16\n "

/* What an ESB leaves in VDISR_EL2, and whether the virtual SError is pending still. */
static void deferral(const char *name, u64 pstate, u64 hcr, const void *code)
{
    write_register(s3_4_c12_c1_1, 0); /* VDISR_EL2 */
    write_register(hcr_el2, HCR_RW | hcr);
    probe(name, pstate, code, 0, 0);
    print("  then");
    print_field("vse", read_register(hcr_el2) >> VSE & 1);
    print_field("vdisr", read_register(s3_4_c12_c1_1));
    print("\n");
}

/* FEAT_RAS (DDI 0487, AArch64.vESBOperation; ESR_ELx, "ISS encoding for an SError exception"). */
void error_synchronization(void)
{
    if (!(read_register(id_aa64pfr0_el1) >> 28 & 15))
        return;
    write_register(s3_4_c5_c2_3, 0xfffffffff1234567); /* VSESR_EL2 */
    deferral("virtual SError with a syndrome", EL1 & UNMASKED, BIT(VSE) | BIT(AMO), CODE("nop"));
    deferral("esb, masked", EL1, BIT(VSE) | BIT(AMO), CODE(ESB));
    deferral("esb, masked", EL0, BIT(VSE) | BIT(AMO), CODE(ESB));
    deferral("esb, masked, nothing pending", EL1, BIT(AMO), CODE(ESB));
    deferral("esb, masked, AMO clear", EL1, BIT(VSE), CODE(ESB));
    deferral("esb, masked, TGE", EL0, BIT(VSE) | BIT(AMO) | BIT(TGE), CODE(ESB));
    deferral("esb, masked", EL2, BIT(VSE) | BIT(AMO), CODE(ESB));
    write_register(hcr_el2, HCR_RW | BIT(VSE) | BIT(AMO));
    probe_value("esb, then DISR_EL1", EL1, CODE(ESB "mrs x0, " DISR_EL1), 0, 0);
    probe_value("DISR_EL1 cleared", EL1, CODE("msr " DISR_EL1 ", xzr\n mrs x0, " DISR_EL1), 0, 0);
    write_register(s3_4_c5_c2_3, 0);
    write_register(hcr_el2, HCR_RW | TEA);
    probe("HCR_EL2.TEA, external abort", EL1, CODE("ldr x0, [x0]"), 0x0b800000, 0);
    probe("HCR_EL2.TEA, external abort", EL0, CODE("ldr x0, [x0]"), 0x0b800000, 0);
    probe("HCR_EL2.TEA, external abort on fetch", EL1, CODE("br x0"), 0x0b800000, 0);
    write_register(hcr_el2, HCR_RW);
}
