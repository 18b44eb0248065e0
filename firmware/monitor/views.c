/* The distributor and the CPU interface as each world sees them (IHI 0069, 4.6, 4.8, 12.9). */
#include "monitor.h"

#define GICD_IGRPMODR 0x0d00
#define GICD_NSACR 0x0e00
#define GICD_TYPER 0x0004

static void as(u64 scr)
{
    write_register(scr_el3, scr);
}

/* Reads at NS EL2 and Secure EL1; what EL3 has is Secure. */
static void both(const char *name, u64 address)
{
    as(SCR_SECURE | SCR_NS);
    probe_value(name, EL2, CODE("ldr w0, [x0]"), address, 0);
    as(SCR_SECURE);
    probe_value(name, EL1, CODE("ldr w0, [x0]"), address, 0);
    as(SCR_SECURE | SCR_NS);
}

static void write_from(u64 scr, u64 pstate, u64 address, u64 value)
{
    as(scr);
    run(pstate, CODE("str w1, [x0]\n dsb sy"), address, value);
    as(SCR_SECURE | SCR_NS);
}

/* One interrupt of each group: SPIs 8, 9, 10. */
#define G0 40
#define G1S 41
#define G1NS 42

static void configure(void)
{
    *word(GICD + GICD_CTLR) = 0x37;
    *word(GICD + GICD_IGROUPR + 4) = ~(u32)(BIT(G0 - 32) | BIT(G1S - 32));
    *word(GICD + GICD_IGRPMODR + 4) = BIT(G1S - 32);
    *word(GICR(0) + GICR_WAKER) = 0;
    while (*word(GICR(0) + GICR_WAKER) & 4)
        ;
    /* SGIs 8 to 15 and PPIs 29 and 31 are the Secure world's. */
    *word(GICR(0) + SGI_FRAME + GICD_IGROUPR) = ~(0xff00u | (u32)BIT(29));
    *word(GICR(0) + SGI_FRAME + GICD_IGRPMODR) = 0xf000u | BIT(29);
    for (u32 i = 0; i < 32; i += 4)
        *word(GICR(0) + SGI_FRAME + GICD_IPRIORITYR + i) = 0xa0a0a0a0;
    for (u32 i = 32; i < 64; i += 4)
        *word(GICD + GICD_IPRIORITYR + i) = 0x80808080;
    *word(GICD + GICD_IPRIORITYR + G0) = 0x00c02010;
}

void gic_views(void)
{
    print_field("TYPER.SecurityExtn", *word(GICD + GICD_TYPER) >> 10 & 1);
    configure();
    print_field("GICD_CTLR", *word(GICD + GICD_CTLR));
    print("\n");
    both("GICD_CTLR", GICD + GICD_CTLR);
    both("GICD_IGROUPR1", GICD + GICD_IGROUPR + 4);
    both("GICD_IGRPMODR1", GICD + GICD_IGRPMODR + 4);
    both("GICR_IGROUPR0", GICR(0) + SGI_FRAME + GICD_IGROUPR);
    both("GICD_IPRIORITYR10", GICD + GICD_IPRIORITYR + 40);
    write_from(SCR_SECURE | SCR_NS, EL2, GICD + GICD_IPRIORITYR + G0, 0x00604020);
    print("priorities after a Non-secure write:");
    print_field("", *word(GICD + GICD_IPRIORITYR + G0));
    print("\n");
    *word(GICD + GICD_IPRIORITYR + G0) = 0x00c02010;
    write_from(SCR_SECURE | SCR_NS, EL2, GICD + GICD_ISENABLER + 4, BIT(8) | BIT(9) | BIT(10));
    print("enabled by the Non-secure world:");
    print_field("", *word(GICD + GICD_ISENABLER + 4));
    print("\n");
    *word(GICD + GICD_ISENABLER + 4) = BIT(8) | BIT(9) | BIT(10);
    both("GICD_ISENABLER1", GICD + GICD_ISENABLER + 4);
    write_from(SCR_SECURE | SCR_NS, EL2, GICD + GICD_ISPENDR + 4, BIT(8) | BIT(9) | BIT(10));
    print("pending by the Non-secure world:");
    print_field("", *word(GICD + GICD_ISPENDR + 4));
    print("\n");
    *word(GICD + GICD_ICPENDR + 4) = ~0u;
    write_from(SCR_SECURE | SCR_NS, EL2, GICD + GICD_CTLR, 0);
    print("GICD_CTLR after a Non-secure write of 0:");
    print_field("", *word(GICD + GICD_CTLR));
    print("\n");
    *word(GICD + GICD_CTLR) = 0x37;

    /* Banked and shared registers of the interface. */
    write_register(icc_sre_el3, 0xf);
    write_register(icc_igrpen0_el1, 1);
    as(SCR_SECURE);
    write_register(icc_igrpen1_el1, 1);
    as(SCR_SECURE | SCR_NS);
    print_field("ICC_IGRPEN1_EL1, Non-secure copy", read_register(icc_igrpen1_el1));
    print_field("ICC_IGRPEN1_EL3", read_register(S3_6_C12_C12_7));
    write_register(icc_igrpen1_el1, 1);
    print_field("and", read_register(S3_6_C12_C12_7));
    print("\n");
    write_register(icc_pmr_el1, 0xf0);
    as(SCR_SECURE | SCR_NS | SCR_FIQ);
    probe_value("ICC_PMR_EL1, half of it", EL2, CODE("mrs x0, icc_pmr_el1"), 0, 0);
    probe_value("ICC_PMR_EL1 written", EL2, CODE("mov x1, #0x40\n msr icc_pmr_el1, x1\n mrs x0, icc_pmr_el1"), 0, 0);
    print_field("ICC_PMR_EL1 at EL3", read_register(icc_pmr_el1));
    write_register(icc_pmr_el1, 0x60);
    print("\n");
    probe_value("ICC_PMR_EL1 of the Secure half", EL2,
                CODE("mov x1, #0x80\n msr icc_pmr_el1, x1\n mrs x0, icc_pmr_el1"), 0, 0);
    print_field("ICC_PMR_EL1 at EL3", read_register(icc_pmr_el1));
    print("\n");
    write_register(icc_pmr_el1, 0xf0);
    probe("Group 0 at EL1 with SCR_EL3.FIQ", EL1, CODE("mrs x0, icc_iar0_el1"), 0, 0);
    as(SCR_SECURE | SCR_NS | SCR_IRQ);
    probe("Group 1 at EL1 with SCR_EL3.IRQ", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    as(SCR_SECURE | SCR_NS);
}

/* Which exception a pending interrupt is, and what acknowledges it. */
static void taken(const char *name, u64 scr, u64 pstate, u32 intid)
{
    *word(GICD + GICD_ISPENDR + 4) = BIT(intid - 32);
    asm volatile("dsb sy\n\tisb" ::: "memory");
    as(scr);
    print("INTID ");
    print_decimal(intid);
    probe(name, pstate & ~0xc0ul, CODE("nop\n nop\n mrs x0, isr_el1"), 0, 0);
    as(scr | SCR_NS);
    print_field("  HPPIR0", read_register(icc_hppir0_el1));
    print_field("HPPIR1", read_register(icc_hppir1_el1));
    as(scr & ~1ul);
    print_field("Secure HPPIR1", read_register(icc_hppir1_el1));
    u32 group0 = read_register(icc_iar0_el1);
    print_field("IAR0", group0);
    if (group0 < 1020) {
        print_field("RPR", read_register(icc_rpr_el1));
        write_register(icc_eoir0_el1, group0);
    }
    u32 group1 = read_register(icc_iar1_el1);
    print_field("IAR1", group1);
    if (group1 < 1020) {
        print_field("RPR", read_register(icc_rpr_el1));
        write_register(icc_eoir1_el1, group1);
    }
    print("\n");
    *word(GICD + GICD_ICPENDR + 4) = BIT(intid - 32);
    *word(GICD + GICD_ICACTIVER + 4) = BIT(intid - 32);
    as(SCR_SECURE | SCR_NS);
}

void groups(void)
{
    for (u32 intid = G0; intid <= G1NS; intid++) {
        taken(" in Non-secure EL1", SCR_SECURE | SCR_NS, EL1, intid);
        taken(" in Non-secure EL1, FIQ to EL3", SCR_SECURE | SCR_NS | SCR_FIQ, EL1, intid);
        taken(" in Non-secure EL2", SCR_SECURE | SCR_NS, EL2, intid);
        taken(" in Secure EL1", SCR_SECURE, EL1, intid);
        taken(" in Secure EL1, FIQ to EL3", SCR_SECURE | SCR_FIQ, EL1, intid);
        taken(" in Secure EL1, IRQ to EL3", SCR_SECURE | SCR_IRQ, EL1, intid);
        taken(" in EL3, nothing routed", SCR_SECURE | SCR_NS, EL3, intid);
        taken(" in EL3, FIQ to EL3", SCR_SECURE | SCR_NS | SCR_FIQ, EL3, intid);
    }
}
