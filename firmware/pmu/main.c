/*
 * The Performance Monitors (DDI 0487, D13): registers and their masks, software increments, filters by level, overflow
 * and its interrupt, who may use them. Cycles are only looked at for whether they are counted.
 */
#include "gic.h"
#include "runtime.h"

#define PMCR_E BIT(0)
#define PMCR_P BIT(1)
#define PMCR_C BIT(2)
#define PMCR_DP BIT(5)
#define PMCR_LC BIT(6)
#define PMCR_LP BIT(7)
#define CYCLES BIT(31)
#define ALL_COUNTERS 0x8000003ful

#define SW_INCR 0x00
#define CPU_CYCLES 0x11

/* PMEVTYPER<n>_EL0: do not count at EL1, at EL0; count at EL2. */
#define FILTER_P BIT(31)
#define FILTER_U BIT(30)
#define FILTER_NSH BIT(27)

#define PMU_INTID 23

/* The filter with which the guest's own level counts. */
static u64 here(void)
{
    return home == 2 ? FILTER_NSH : 0;
}

static void show(const char *name, u64 value)
{
    print(name);
    print_field("value", value);
    print("\n");
}

#define SHOW(name) show(#name, read_register(name))
/* What of all ones stays, and what of zero. */
#define MASKS(name)                                                                                                    \
    do {                                                                                                               \
        u64 before = read_register(name);                                                                              \
        write_register(name, ~0ul);                                                                                    \
        show(#name " ones", read_register(name));                                                                      \
        write_register(name, 0);                                                                                       \
        show(#name " zeros", read_register(name));                                                                     \
        write_register(name, before);                                                                                  \
    } while (0)

static void off(void)
{
    write_register(pmcr_el0, PMCR_P | PMCR_C);
    write_register(pmcntenclr_el0, ~0ul);
    write_register(pmintenclr_el1, ~0ul);
    write_register(pmovsclr_el0, ~0ul);
}

static void identification(void)
{
    print("identification\n");
    show("PMCR_EL0.N", read_register(pmcr_el0) >> 11 & 31);
    show("PMCR_EL0 without implementer", read_register(pmcr_el0) & 0xf8ff & ~0xf800ul);
    show("ID_AA64DFR0_EL1.PMUVer", read_register(id_aa64dfr0_el1) >> 8 & 15);
    /* SW_INCR and CPU_CYCLES. */
    show("PMCEID0_EL0", read_register(pmceid0_el0) & (BIT(SW_INCR) | BIT(CPU_CYCLES)));
}

static void registers(void)
{
    print("registers\n");
    off();
    MASKS(pmselr_el0);
    MASKS(pmuserenr_el0);
    MASKS(pmccfiltr_el0);
    MASKS(pmevtyper0_el0);
    MASKS(pmevtyper5_el0);
    MASKS(pmevcntr0_el0);
    MASKS(pmevcntr5_el0);
    MASKS(pmccntr_el0);
    write_register(pmcntenset_el0, ~0ul);
    SHOW(pmcntenset_el0);
    SHOW(pmcntenclr_el0);
    write_register(pmcntenclr_el0, 0x15);
    SHOW(pmcntenset_el0);
    write_register(pmintenset_el1, ~0ul);
    SHOW(pmintenset_el1);
    write_register(pmintenclr_el1, CYCLES | 2);
    SHOW(pmintenclr_el1);
    write_register(pmovsset_el0, ~0ul);
    SHOW(pmovsset_el0);
    write_register(pmovsclr_el0, 0x2a);
    SHOW(pmovsclr_el0);
    off();
    for (u64 n = 0; n < 6; n += 5) {
        write_register(pmselr_el0, n);
        write_register(pmxevtyper_el0, SW_INCR | FILTER_U);
        write_register(pmxevcntr_el0, 0x1234 + n);
    }
    SHOW(pmevtyper0_el0);
    SHOW(pmevtyper5_el0);
    SHOW(pmevcntr0_el0);
    SHOW(pmevcntr5_el0);
    write_register(pmselr_el0, 31);
    write_register(pmxevtyper_el0, FILTER_P);
    SHOW(pmccfiltr_el0);
    write_register(pmcr_el0, PMCR_P);
    SHOW(pmevcntr5_el0);
    write_register(pmccfiltr_el0, 0);
}

/* Six software increments at a level, of all counters. */
static void increments(const char *name, u64 level, u64 filter)
{
    off();
    for (u64 n = 0; n < 6; n++) {
        write_register(pmselr_el0, n);
        write_register(pmxevtyper_el0, SW_INCR | (n & 1 ? filter : 0));
    }
    write_register(pmcntenset_el0, 0x3b);
    write_register(pmcr_el0, PMCR_E);
    write_register(pmuserenr_el0, 15);
    run(level, CODE("mov x0, #0x3f\n msr pmswinc_el0, x0\n mov x0, #0x21\n msr pmswinc_el0, x0"), 0, 0);
    write_register(pmcr_el0, 0);
    print(name);
    print_level(level);
    for (u64 n = 0; n < 6; n++) {
        write_register(pmselr_el0, n);
        print(" ");
        print_hex(read_register(pmxevcntr_el0), 0);
    }
    print("\n");
    write_register(pmuserenr_el0, 0);
}

static void software_increments(void)
{
    print("software increments\n");
    static const u64 filters[] = {0, FILTER_P, FILTER_U, FILTER_P | FILTER_U, FILTER_NSH};
    for (u32 i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        print_field("filter", filters[i]);
        print("\n");
        increments("  all", EL0, filters[i]);
        increments("  all", EL1, filters[i]);
        if (home == 2)
            increments("  all", EL2, filters[i]);
    }
    off();
    write_register(pmevtyper0_el0, SW_INCR | here());
    write_register(pmcntenset_el0, 1);
    write_register(pmswinc_el0, 1);
    show("disabled by PMCR_EL0.E", read_register(pmevcntr0_el0));
    write_register(pmcntenclr_el0, 1);
    write_register(pmcr_el0, PMCR_E);
    write_register(pmswinc_el0, 1);
    show("disabled by PMCNTENSET_EL0", read_register(pmevcntr0_el0));
    off();
}

#define MDCR_HPMN 31ul
#define MDCR_HPME BIT(7)
#define MDCR_HPMD BIT(17)
#define MDCR_HCCD BIT(23)
#define MDCR_HLP BIT(26)

/* Counters 0 and 1, of which MDCR_EL2 may keep one for EL2: a step over 32 bits, and one over 64. */
static void long_overflow(const char *name, u64 control)
{
    print(name);
    for (u32 i = 0; i < 2; i++) {
        off();
        write_register(pmcr_el0, PMCR_E | control);
        write_register(pmevtyper0_el0, SW_INCR | here());
        write_register(pmevtyper1_el0, SW_INCR | here());
        write_register(pmevcntr0_el0, i ? ~0ul : 0x3fffffffful);
        write_register(pmevcntr1_el0, i ? ~0ul : 0x3fffffffful);
        write_register(pmcntenset_el0, 3);
        write_register(pmswinc_el0, 3);
        print_field("value0", read_register(pmevcntr0_el0));
        print_field("value1", read_register(pmevcntr1_el0));
        print_field("overflow", read_register(pmovsclr_el0));
    }
    print("\n");
}

static void counted_here(const char *name, u64 control)
{
    off();
    write_register(pmcr_el0, PMCR_E | control);
    write_register(pmevtyper0_el0, SW_INCR | here());
    write_register(pmccfiltr_el0, here());
    write_register(pmcntenset_el0, CYCLES | 1);
    write_register(pmswinc_el0, 1);
    for (volatile int i = 0; i < 100000; i++)
        ;
    print(name);
    print_field("increments", read_register(pmevcntr0_el0));
    print_field("cycles", read_register(pmccntr_el0) > 0);
    print("\n");
}

/* FEAT_PMUv3p5: event counters of 64 bits, and what stops counters at EL2. */
static void long_counters(void)
{
    print("long counters\n");
    show("stalls", read_register(pmceid1_el0) & (BIT(3) | BIT(4) | BIT(28)));
    show("pmmir_el1", read_register(s3_0_c9_c14_6));
    long_overflow("LP = 0", 0);
    long_overflow("LP = 1", PMCR_LP);
    if (home == 2) {
        u64 mdcr = read_register(mdcr_el2);
        u64 one = (mdcr & ~MDCR_HPMN) | 1 | MDCR_HPME;
        write_register(mdcr_el2, one);
        long_overflow("HPMN = 1, LP = 1, HLP = 0", PMCR_LP);
        write_register(mdcr_el2, one | MDCR_HLP);
        long_overflow("HPMN = 1, LP = 0, HLP = 1", 0);
        write_register(mdcr_el2, mdcr | MDCR_HPMD);
        counted_here("HPMD", 0);
        counted_here("HPMD, DP", PMCR_DP);
        write_register(mdcr_el2, mdcr | MDCR_HCCD);
        counted_here("HCCD", 0);
        write_register(mdcr_el2, mdcr);
        counted_here("nothing prohibited", PMCR_DP);
    }
    off();
}

static void spend_time(void)
{
    for (volatile int i = 0; i < 100000; i++)
        ;
}

/* MDCR_EL2 written while a counter of EL2's own runs: what it has counted stays, and its interrupt goes. */
static void control_changed(void)
{
    print("control changed\n");
    u64 mdcr = read_register(mdcr_el2);
    off();
    write_register(mdcr_el2, (mdcr & ~MDCR_HPMN) | 1 | MDCR_HPME);
    write_register(pmevtyper1_el0, CPU_CYCLES | here());
    write_register(pmcntenset_el0, 2);
    spend_time();
    write_register(mdcr_el2, (mdcr & ~MDCR_HPMN) | 1);
    u64 counted = read_register(pmevcntr1_el0);
    spend_time();
    show("counted before HPME = 0", counted > 0);
    show("and behind", read_register(pmevcntr1_el0) - counted);
    write_register(mdcr_el2, (mdcr & ~MDCR_HPMN) | 1 | MDCR_HPME);
    write_register(pmintenset_el1, 2);
    write_register(pmovsset_el0, 2);
    show("HPME = 1: pending", is_pending(0, PMU_INTID));
    write_register(mdcr_el2, (mdcr & ~MDCR_HPMN) | 1);
    show("HPME = 0: pending", is_pending(0, PMU_INTID));
    off();
    write_register(mdcr_el2, mdcr);
}

#define MDCR3_SPME BIT(17)
#define MDCR3_SCCD BIT(23)
#define FILTER_M BIT(26)

/*
 * What MDCR_EL3 lets be counted at EL3 and at Secure EL1: software increments, and cycles with what PMCR_EL0.DP says of
 * them.
 */
static void secure(void)
{
    u64 scr = read_register(scr_el3);
    int has_sccd = (read_register(id_aa64dfr0_el1) >> 8 & 15) >= 6;
    write_register(pmuserenr_el0, 15);
    for (u64 i = 0; i < 16; i++) {
        u64 mdcr3 = (i & 1 ? MDCR3_SPME : 0) | (i & 2 ? MDCR3_SCCD : 0);
        u64 dp = i & 4 ? PMCR_DP : 0;
        u64 ns = i & 8 ? 0 : 1;
        if (mdcr3 & MDCR3_SCCD && !has_sccd)
            continue;
        print(ns ? "below EL3 Non-secure" : "below EL3 Secure");
        print_field("spme", i & 1);
        print_field("sccd", i >> 1 & 1);
        print_field("dp", i >> 2 & 1);
        for (u64 level = 1; level < 4; level += 2) {
            off();
            write_register(mdcr_el3, mdcr3);
            write_register(scr_el3, (scr & ~1ul) | ns);
            /* At the one level alone: EL3 counts where M is as P, EL1 where P is 0 and NSK as well. */
            u64 filter = FILTER_M | FILTER_U | (level == 3 ? FILTER_P : 0);
            write_register(pmevtyper0_el0, SW_INCR | filter);
            write_register(pmccfiltr_el0, filter);
            write_register(pmcntenset_el0, CYCLES | 1);
            write_register(pmcr_el0, PMCR_E | PMCR_LC | dp);
            if (level == 3) {
                write_register(pmswinc_el0, 1);
                spend_time();
            } else {
                run(EL1, CODE("msr pmswinc_el0, x0\n 1: subs x1, x1, #1\n b.ne 1b"), 1, 10000);
            }
            write_register(pmcr_el0, PMCR_LC);
            print(level == 3 ? " EL3" : " EL1");
            print_field("increments", read_register(pmevcntr0_el0));
            print_field("cycles", read_register(pmccntr_el0) > 0);
        }
        print("\n");
    }
    write_register(scr_el3, scr);
    write_register(mdcr_el3, 0);
    off();
}

static u32 seen;
static void overflowed(u32 is_fiq)
{
    (void)is_fiq;
    u32 intid = acknowledge();
    seen = intid;
    write_register(pmovsclr_el0, ~0ul);
    end(intid);
}

static void overflow(void)
{
    print("overflow\n");
    off();
    write_register(pmevtyper2_el0, SW_INCR | here());
    write_register(pmevcntr2_el0, 0xfffffffe);
    write_register(pmcntenset_el0, 4);
    write_register(pmcr_el0, PMCR_E);
    for (int i = 0; i < 4; i++) {
        write_register(pmswinc_el0, 4);
        print_field("count", read_register(pmevcntr2_el0));
        print_field("overflow", read_register(pmovsclr_el0));
        print_field("pending", is_pending(0, PMU_INTID));
        print("\n");
    }
    write_register(pmintenset_el1, 4);
    show("interrupt enabled: pending", is_pending(0, PMU_INTID));
    write_register(pmovsclr_el0, 4);
    show("cleared: pending", is_pending(0, PMU_INTID));
    write_register(pmovsset_el0, 4);
    show("set by hand: pending", is_pending(0, PMU_INTID));
    write_register(pmcr_el0, 0);
    show("PMCR_EL0.E = 0: pending", is_pending(0, PMU_INTID));
    write_register(pmcr_el0, PMCR_E);
    u64 vectors1 = read_register(vbar_el1), vectors2 = home == 2 ? read_register(vbar_el2) : 0;
    install_vectors();
    on_interrupt = overflowed;
    seen = 0;
    enable(0, PMU_INTID);
    asm volatile("msr daifclr, #2\n\tisb\n\tnop\n\tnop\n\tmsr daifset, #2" ::: "memory");
    show("taken", seen);
    SHOW(pmovsclr_el0);
    disable(0, PMU_INTID);
    write_register(vbar_el1, vectors1);
    if (home == 2) {
        write_register(vbar_el2, vectors2);
        write_register(hcr_el2, HCR_RW);
    }
    off();
}

static void cycles(void)
{
    print("cycles\n");
    off();
    u64 before = read_register(pmccntr_el0);
    for (volatile int i = 0; i < 1000; i++)
        ;
    show("stopped", read_register(pmccntr_el0) - before);
    write_register(pmccfiltr_el0, here());
    write_register(pmcntenset_el0, CYCLES);
    write_register(pmcr_el0, PMCR_E | PMCR_LC);
    before = read_register(pmccntr_el0);
    for (volatile int i = 0; i < 100000; i++)
        ;
    show("counted", read_register(pmccntr_el0) > before);
    write_register(pmccfiltr_el0, home == 2 ? 0 : FILTER_P);
    before = read_register(pmccntr_el0);
    for (volatile int i = 0; i < 100000; i++)
        ;
    show(home == 2 ? "not at EL2" : "not at EL1", read_register(pmccntr_el0) - before);
    write_register(pmccfiltr_el0, here());
    write_register(pmccntr_el0, ~0ul - 1000);
    for (volatile int i = 0; i < 100000; i++)
        ;
    show("64 bits: overflow", read_register(pmovsclr_el0));
    off();
    write_register(pmcr_el0, PMCR_C);
    show("reset", read_register(pmccntr_el0));
}

static void access_of(const char *name, u64 level)
{
    print(name);
    print("\n");
    probe_through("  pmcr", level, CODE("mrs x0, pmcr_el0\n mov x0, #0"), 0, 0);
    probe_through("  pmcntenset", level, CODE("mrs x0, pmcntenset_el0\n mov x0, #0"), 0, 0);
    probe_through("  pmccntr read", level, CODE("mrs x0, pmccntr_el0\n mov x0, #0"), 0, 0);
    probe_through("  pmccntr write", level, CODE("msr pmccntr_el0, x0"), 0, 0);
    probe_through("  pmevcntr1 read", level, CODE("mrs x0, pmevcntr1_el0\n mov x0, #0"), 0, 0);
    probe_through("  pmevcntr1 write", level, CODE("msr pmevcntr1_el0, x0"), 0, 0);
    probe_through("  pmxevcntr read", level, CODE("mrs x0, pmxevcntr_el0\n mov x0, #0"), 0, 0);
    probe_through("  pmselr", level, CODE("mrs x0, pmselr_el0\n mov x0, #0"), 0, 0);
    probe_through("  pmswinc", level, CODE("mov x0, #1\n msr pmswinc_el0, x0"), 0, 0);
    probe_through("  pmswinc read", level, CODE("mrs x0, s3_3_c9_c12_4"), 0, 0);
    probe_through("  pmuserenr read", level, CODE("mrs x0, pmuserenr_el0\n mov x0, #0"), 0, 0);
    probe_through("  pmuserenr write", level, CODE("mrs x0, pmuserenr_el0\n msr pmuserenr_el0, x0\n mov x0, #0"), 0, 0);
    probe_through("  pmintenset", level, CODE("mrs x0, pmintenset_el1\n mov x0, #0"), 0, 0);
}

static void permissions(void)
{
    print("who may\n");
    off();
    write_register(pmselr_el0, 0);
    for (u64 bits = 0; bits < 16; bits = bits ? bits << 1 : 1) {
        write_register(pmuserenr_el0, bits);
        print_field("PMUSERENR_EL0", bits);
        access_of("", EL0);
    }
    write_register(pmuserenr_el0, 15);
    access_of("from EL1", EL1);
    if (home < 2)
        return;
    static const struct {
        const char *name;
        u64 bits;
    } traps[] = {{"MDCR_EL2.TPM", BIT(6)}, {"MDCR_EL2.TPMCR", BIT(5)}};
    u64 mdcr = read_register(mdcr_el2);
    for (u32 i = 0; i < 2; i++) {
        write_register(mdcr_el2, mdcr | traps[i].bits);
        print(traps[i].name);
        access_of(", EL0", EL0);
        print(traps[i].name);
        access_of(", EL1", EL1);
    }
    write_register(mdcr_el2, (mdcr & ~31ul) | 2);
    print("MDCR_EL2.HPMN = 2\n");
    write_register(pmcntenset_el0, 0x3f);
    write_register(pmevcntr1_el0, 0x11);
    probe_value("  pmcr.N", EL1, CODE("mrs x0, pmcr_el0\n ubfx x0, x0, #11, #5"), 0, 0);
    probe_value("  pmcntenset", EL1, CODE("mrs x0, pmcntenset_el0"), 0, 0);
    probe_value("  pmevcntr1", EL1, CODE("mrs x0, pmevcntr1_el0"), 0, 0);
    probe("  pmcntenclr of all", EL1, CODE("mov x0, #-1\n msr pmcntenclr_el0, x0"), 0, 0);
    show("pmcntenset at EL2", read_register(pmcntenset_el0));
    write_register(mdcr_el2, mdcr);
    off();
}

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    if (home == 3) {
        secure();
        return;
    }
    gic_init();
    gic_init_cpu(0);
    identification();
    registers();
    software_increments();
    overflow();
    cycles();
    permissions();
    if (home == 2)
        control_changed();
    if ((read_register(id_aa64dfr0_el1) >> 8 & 15) >= 6)
        long_counters();
}
