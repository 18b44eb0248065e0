/* What EL3 traps and forbids (SCR_EL3, CPTR_EL3, MDCR_EL3). */
#include "runtime.h"
#include "groups.h"

#define BIT(n) (1ul << (n))

void monitor_traps(void)
{
    write_register(scr_el3, SCR_OPEN & ~BIT(8));
    probe("SCR_EL3.HCE clear, hvc", EL1, CODE("hvc #1"), 0, 0);
    probe("SCR_EL3.HCE clear, hvc", EL2, CODE("hvc #1"), 0, 0);
    write_register(scr_el3, SCR_OPEN | BIT(12));
    probe("SCR_EL3.TWI, wfi", EL0, CODE("wfi"), 0, 0);
    probe("SCR_EL3.TWI, wfi", EL1, CODE("wfi"), 0, 0);
    probe("SCR_EL3.TWI, wfi", EL2, CODE("wfi"), 0, 0);
    write_register(hcr_el2, HCR_RW | BIT(13));
    probe("SCR_EL3.TWI and HCR_EL2.TWI, wfi", EL1, CODE("wfi"), 0, 0);
    write_register(hcr_el2, HCR_RW);
    write_register(scr_el3, SCR_OPEN | BIT(13));
    probe("SCR_EL3.TWE, wfe", EL2, CODE("sevl\n wfe\n wfe"), 0, 0);
    write_register(scr_el3, SCR_OPEN);
    write_register(cptr_el3, BIT(31));
    probe("CPTR_EL3.TCPAC, cpacr_el1", EL1, CODE("mrs x0, cpacr_el1"), 0, 0);
    probe("CPTR_EL3.TCPAC, cptr_el2", EL2, CODE("mrs x0, cptr_el2"), 0, 0);
    write_register(cptr_el2, CPTR_EL2_OPEN | BIT(31));
    probe("CPTR_EL3.TCPAC and CPTR_EL2.TCPAC, cpacr_el1", EL1, CODE("mrs x0, cpacr_el1"), 0, 0);
    write_register(cptr_el2, CPTR_EL2_OPEN);
    write_register(cptr_el3, 0);
    write_register(mdcr_el3, BIT(6) | BIT(9) | BIT(10));
    probe("MDCR_EL3.TPM, pmcr_el0", EL2, CODE("mrs x0, pmcr_el0"), 0, 0);
    probe("MDCR_EL3.TDA, mdscr_el1", EL1, CODE("mrs x0, mdscr_el1"), 0, 0);
    probe("MDCR_EL3.TDOSA, oslsr_el1", EL2, CODE("mrs x0, oslsr_el1"), 0, 0);
    write_register(mdcr_el3, 0);
    /* Secure EL1: no EL2. */
    write_register(scr_el3, SCR_OPEN & ~1ul);
    probe("Secure, hvc", EL1, CODE("hvc #1"), 0, 0);
    probe("Secure, svc", EL0, CODE("svc #1"), 0, 0);
    probe("Secure, brk", EL1, CODE("brk #1"), 0, 0);
    write_register(hcr_el2, HCR_RW | BIT(27) | BIT(26) | BIT(13));
    probe("Secure, HCR_EL2 does not apply: svc", EL0, CODE("svc #1"), 0, 0);
    probe("Secure, HCR_EL2 does not apply: msr ttbr0_el1", EL1, CODE("msr ttbr0_el1, xzr"), 0, 0);
    write_register(hcr_el2, HCR_RW);
    write_register(scr_el3, (SCR_OPEN & ~1ul) | BIT(11));
    probe("SCR_EL3.ST, cntps_ctl_el1", EL1, CODE("mrs x0, cntps_ctl_el1"), 0, 0);
    write_register(scr_el3, SCR_OPEN & ~1ul);
    probe("SCR_EL3.ST clear, cntps_ctl_el1", EL1, CODE("mrs x0, cntps_ctl_el1"), 0, 0);
    write_register(scr_el3, SCR_OPEN);
    probe("Non-secure, cntps_ctl_el1", EL1, CODE("mrs x0, cntps_ctl_el1"), 0, 0);
    write_register(scr_el3, SCR_OPEN | BIT(3));
    probe("SCR_EL3.EA, external abort", EL1, CODE("ldr x0, [x0]"), 0x0b800000, 0);
    probe("SCR_EL3.EA, external abort", EL0, CODE("ldr x0, [x0]"), 0x0b800000, 0);
    probe("SCR_EL3.EA, external abort on fetch", EL2, CODE("br x0"), 0x0b800000, 0);
    write_register(scr_el3, SCR_OPEN | BIT(7));
    /* SMD makes SMC UNDEFINED, so a probe at EL1 cannot come home by it: EL3 itself only. */
    probe("SCR_EL3.SMD, smc", EL3, CODE("smc #1"), 0, 0);
    write_register(scr_el3, SCR_OPEN);
}
