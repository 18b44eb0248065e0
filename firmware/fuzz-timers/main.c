/*
 * Random accesses to the generic timers (DDI 0487, D12) by EL3 and the levels below it, with and without a host at EL2:
 * a case is a sequence, and behind each access a line shows all five timers as EL3 sees them, and their interrupts.
 * Comparison values and offsets are far from the time, so that it does not matter how long anything takes.
 */
#include "../fuzz/fuzz.h"
#include "gic.h"

#define STEPS 40
#define BANK (GICR(0) + SGI_FRAME)
#define SCR_NS BIT(0)
#define SCR_ST BIT(11)
#define HCR_TGE BIT(27)
#define HCR_E2H BIT(34)

static u64 level, scr, hcr;
static int has_host;

static const u64 pstates[] = {EL0, EL1, EL2, EL3};

/* x0 behind it, which is `x0` where it was not executed. */
static u64 at_level(const void *code, u64 x0)
{
    write_register(hcr_el2, hcr);
    write_register(scr_el3, scr);
    run(pstates[level], code, x0, 0);
    write_register(scr_el3, SCR_OPEN);
    write_register(hcr_el2, HCR_RW);
    return exception_count ? x0 : probe_results.x[0];
}

#define WRITE(name) CODE("msr " name ", x0\n isb")
#define READ(name) CODE("mrs x0, " name)

/* The names of EL1 and EL0, EL2's, the Secure timer, and EL2's for EL1's with HCR_EL2.E2H. */
#define EACH(form, register)                                                                                           \
    form("cntp_" register "_el0"), form("cntv_" register "_el0"), form("cnthp_" register "_el2"),                      \
        form("cntps_" register "_el1"), form("cntp_" register "_el02"), form("cntv_" register "_el02"),                \
        form("cnthv_" register "_el2")
#define TIMERS 7

static u64 control(u32 n)
{
    const void *const codes[] = {EACH(WRITE, "ctl")};
    u64 value = one_in(8) ? draw() : draw_below(4);
    at_level(codes[n], value);
    return value;
}

static u64 compare(u32 n)
{
    static const u64 values[] = {0, 1, BIT(62), BIT(63), ~0ul, BIT(56), BIT(63) - 1};
    const void *const codes[] = {EACH(WRITE, "cval")};
    u64 value = values[draw_below(7)];
    at_level(codes[n], value);
    return value;
}

/* Signed, of 32 bits: half a minute ahead or behind at 62.5 MHz. */
static u64 delta(u32 n)
{
    const void *const codes[] = {EACH(WRITE, "tval")};
    /* QEMU takes no offset for EL2's access to EL1's virtual timer, and one for that of EL2, which has none. */
    if (n >= 5 && read_register(cntvoff_el2))
        n = 0;
    u64 value = one_in(2) ? 0x7fffffff : 0x80000000;
    value |= one_in(3) ? draw() << 32 : 0;
    at_level(codes[n], value);
    return value;
}

static u64 read_control(u32 n)
{
    const void *const codes[] = {EACH(READ, "ctl")};
    return at_level(codes[n], 0xbad);
}

/* Where the time does not decide. */
static u64 read_compare(u32 n)
{
    const void *const codes[] = {EACH(READ, "cval")};
    u64 value = at_level(codes[n], 0xbad);
    return (value + BIT(33)) >> 34 << 34;
}

static u64 counter(u32 n)
{
    const void *const codes[] = {READ("cntvct_el0"), READ("cntpct_el0"), READ("cntfrq_el0")};
    u64 value = at_level(codes[n % 3], 0xbad);
    return n % 3 == 2 ? value : (value + BIT(33)) >> 34 << 34;
}

static u64 offset(u32 n)
{
    static const u64 values[] = {0, BIT(62), BIT(63), BIT(60)};
    (void)n;
    u64 value = values[draw_below(4)];
    write_register(cntvoff_el2, value);
    return value;
}

static u64 host(u32 n)
{
    (void)n;
    hcr = HCR_RW | (has_host ? draw_bits(HCR_E2H | HCR_TGE, 1) : draw_bits(HCR_TGE, 2));
    return hcr;
}

static u64 security(u32 n)
{
    (void)n;
    return scr = (SCR_OPEN & ~SCR_NS) | draw_bits(SCR_ST, 1) | (one_in(4) ? 0 : SCR_NS);
}

static u64 hypervisor_control(u32 n)
{
    (void)n;
    /* Of either form, without events. */
    u64 value = draw_bits(0xc03, 1);
    write_register(cnthctl_el2, value);
    return value;
}

static u64 kernel_control(u32 n)
{
    (void)n;
    u64 value = draw_bits(0x303, 1);
    write_register(cntkctl_el1, value);
    return value;
}

static const struct step steps[] = {
    {"ctl", control, 8},
    {"cval", compare, 6},
    {"tval", delta, 4},
    {"read ctl", read_control, 4},
    {"read cval", read_compare, 3},
    {"counter", counter, 3},
    {"cntvoff", offset, 2},
    {"hcr", host, 2},
    {"scr", security, 2},
    {"cnthctl", hypervisor_control, 1},
    {"cntkctl", kernel_control, 1},
};


static void print_state(void)
{
    print(" EL");
    print_decimal(level);
    for (u32 i = 0; i < exception_count; i++) {
        print_field("to", exceptions[i].el);
        print_field("esr", exceptions[i].esr);
    }
    exception_count = 0;
    print_field("p", read_register(cntp_ctl_el0));
    print_field("v", read_register(cntv_ctl_el0));
    print_field("hp", read_register(cnthp_ctl_el2));
    print_field("ps", read_register(cntps_ctl_el1));
    if (has_host)
        print_field("hv", read_register(cnthv_ctl_el2));
    /* QEMU's board has no interrupt of the last. */
    print_field("pending", *word(BANK + GICD_ISPENDR) & 0x6c000000);
    print("\n");
}

static u32 draw_timer(void)
{
    level = draw_below(scr & SCR_NS ? 4 : 3);
    if (!(scr & SCR_NS) && level == 2)
        level = 3;
    /* To EL1 there is no way with TGE. */
    if (hcr & HCR_TGE && scr & SCR_NS && level == 1)
        level = 2;
    u32 n = draw_below(has_host ? TIMERS : 4);
    /* Where they are not, QEMU has another syndrome of EL2's names for EL1's. */
    return (n == 4 || n == 5) && !(hcr & HCR_E2H && scr & SCR_NS) ? n - 4 : n;
}

static void one(void)
{
    level = 3;
    scr = SCR_OPEN;
    hcr = HCR_RW;
    write_register(cntvoff_el2, 0);
    write_register(cnthctl_el2, 3);
    write_register(cntkctl_el1, 0x303);
    write_register(cntp_ctl_el0, 0);
    write_register(cntv_ctl_el0, 0);
    write_register(cnthp_ctl_el2, 0);
    write_register(cntps_ctl_el1, 0);
    write_register(cntp_cval_el0, BIT(62));
    write_register(cntv_cval_el0, BIT(62));
    write_register(cnthp_cval_el2, BIT(62));
    write_register(cntps_cval_el1, BIT(62));
    if (has_host) {
        write_register(cnthv_ctl_el2, 0);
        write_register(cnthv_cval_el2, BIT(62));
    }
    exception_count = 0;
    print_state();
    take_steps(STEPS, steps, sizeof steps / sizeof steps[0], draw_timer, print_state);
}

void main(void *device_tree)
{
    (void)device_tree;
    has_host = (read_register(id_aa64mmfr1_el1) >> 8 & 15) != 0;
    /* Level-sensitive, and Group 1 for who reads them. */
    *word(GICR(0) + GICR_WAKER) = 0;
    while (*word(GICR(0) + GICR_WAKER) & 4) {
    }
    *word(BANK + GICD_IGROUPR) = ~0u;
    run_cases(one);
}
