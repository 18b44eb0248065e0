/*
 * Random exception returns with interrupts pending (DDI 0487, D1.3): a case has random controls of routing, physical
 * and virtual interrupts that wait, and an SPSR of any kind, legal or not. A line shows what was taken, where and with
 * which PSTATE, of an instruction or two behind the return.
 */
#include "../fuzz/fuzz.h"
#include "gic.h"

#define GICD_IGRPMODR 0x0d00
/* An SGI of each group. */
#define SGI_G0 5
#define SGI_G1S 3
#define SGI_G1NS 4
#define SGIS (1u << SGI_G0 | 1u << SGI_G1S | 1u << SGI_G1NS)

#define SCR_NS BIT(0)
/* IRQ, FIQ, EA */
#define SCR_ROUTES (7ul << 1)
#define SCR_HCE BIT(8)

/* FMO, IMO, AMO; VF, VI, VSE */
#define HCR_ROUTES (7ul << 3)
#define HCR_PENDING (7ul << 6)
#define HCR_VSE BIT(8)
#define HCR_TGE BIT(27)
#define HCR_E2H BIT(34)

#define PSTATE_IL BIT(20)

/* x0 is the SPSR of the level that `eret` is executed at. */
static const char *const names[] = {"nop", "isr", "daifclr", "daifclr i", "daifclr f", "daifclr a", "svc",
                                    "hvc", "smc", "eret", "eret", "wfi", "esb"};

static const void *code_of(u32 n)
{
    const void *const codes[] = {
        CODE("nop\n nop"),
        CODE("mrs x0, isr_el1\n nop"),
        CODE("msr daifclr, #15\n nop"),
        CODE("msr daifclr, #2\n nop"),
        CODE("msr daifclr, #1\n nop"),
        CODE("msr daifclr, #4\n nop"),
        CODE("svc #7\n nop"),
        CODE("hvc #7\n nop"),
        CODE("smc #7\n nop"),
        CODE("eret\n nop"),
        CODE("eret\n nop"),
        CODE("wfi\n nop"),
        CODE("hint #16\n nop"),
    };
    return codes[n];
}

/* Of the level and below, mostly; and all that is no AArch32. */
static u64 draw_spsr(void)
{
    static const u8 modes[] = {0, 0, 4, 5, 5, 8, 9, 9, 12, 13};
    u64 mode = one_in(8) ? draw_below(16) : modes[draw_below(sizeof modes)];
    u64 spsr = mode | draw_bits(0xf00003c0, 1) | (one_in(10) ? PSTATE_IL : 0);
    /* What extensions have there, and what nothing has. */
    return one_in(2) ? spsr : spsr | draw_bits(0x0feffc20, 2);
}

/*
 * An illegal return leaves TCO, DIT, UAO, SSBS and BTYPE UNKNOWN (SetPSTATEFromSPSR); PAN is shown apart, and taken
 * from the SPSR.
 */
static void print_pan(u64 *spsr)
{
    if (!(*spsr & PSTATE_IL))
        return;
    print_field("pan", *spsr >> 22 & 1);
    *spsr &= ~(BIT(25) | BIT(24) | BIT(23) | BIT(22) | BIT(12) | BIT(11) | BIT(10));
}

static void one(void)
{
    u64 with_e2h = (read_register(id_aa64mmfr1_el1) >> 8 & 15) != 0;
    u64 scr = (SCR_OPEN & ~(SCR_NS | SCR_HCE)) | (one_in(4) ? 0 : SCR_NS) | (one_in(4) ? 0 : SCR_HCE) |
              draw_bits(SCR_ROUTES, 1);
    u64 hcr = HCR_RW | draw_bits(HCR_ROUTES, 1) | draw_bits(HCR_PENDING | HCR_TGE, 2);
    if (with_e2h)
        hcr |= draw_bits(HCR_E2H, 1);
    u32 pending = draw_bits(SGIS, one_in(2) ? 1 : 2);
    u64 spsr = draw_spsr();
    u32 n = draw_below(sizeof names / sizeof names[0]);
    /* Something is there to end it. */
    if (names[n][0] == 'w' && !pending)
        n = 0;
    /* At home it would be to where it is itself. */
    if (names[n][0] == 'e' && names[n][1] == 'r' && (spsr >> 2 & 3) == home)
        n = 0;
    const void *code = code_of(n);
    u64 next = draw_spsr(), syndrome = draw() & 0x1ffffff;

    write_register(spsr_el1, next);
    write_register(elr_el1, (u64)code + 4);
    if (home == 3) {
        write_register(spsr_el2, next);
        write_register(elr_el2, (u64)code + 4);
    }
    /* With FEAT_RAS. */
    if (read_register(id_aa64pfr0_el1) >> 28 & 15)
        write_register(S3_4_C5_C2_3, syndrome);
    *word(GICR(0) + SGI_FRAME + GICD_ISPENDR) = pending;
    asm volatile("dsb sy\n\tisb" ::: "memory");
    if (home == 3)
        print_field("scr", scr);
    print_field("hcr", hcr);
    print_field("pending", pending);
    print_field("spsr", spsr);
    print_field("next", next);
    print_field("vsesr", syndrome);
    print(" ");
    print(names[n]);
    print(":");

    write_register(hcr_el2, hcr);
    if (home == 3)
        write_register(scr_el3, scr);
    run(spsr, code, 0, 0);
    if (home == 3)
        write_register(scr_el3, SCR_OPEN);
    u64 left = read_register(hcr_el2);
    write_register(hcr_el2, HCR_RW);
    *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = SGIS;
    for (u32 i = 0; i < exception_count; i++)
        print_pan(&exceptions[i].spsr);
    print_exceptions(code);
    if (!exception_count) {
        print_field("x0", probe_results.x[0]);
        print_field("pstate", probe_results.pstate);
    }
    if ((left ^ hcr) & HCR_VSE)
        print(" taken");
    print("\n");
}

void main(void *device_tree)
{
    (void)device_tree;
    u64 bank = GICR(0) + SGI_FRAME;
    *word(GICD + GICD_CTLR) = home == 3 ? 0x37 : 0x13;
    *word(GICR(0) + GICR_WAKER) = 0;
    while (*word(GICR(0) + GICR_WAKER) & 4) {
    }
    *word(bank + GICD_IGROUPR) = 1u << SGI_G1NS;
    *word(bank + GICD_IGRPMODR) = 1u << SGI_G1S;
    *word(bank + GICD_ISENABLER) = SGIS;
    if (home == 3) {
        write_register(icc_sre_el3, 0xf);
        write_register(S3_6_C12_C12_7, 3);
    }
    write_register(icc_sre_el2, 0xf);
    write_register(icc_sre_el1, 0xf);
    write_register(icc_pmr_el1, 0xf8);
    write_register(icc_igrpen0_el1, 1);
    write_register(icc_igrpen1_el1, 1);
    run_cases(one);
}
