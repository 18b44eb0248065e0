/*
 * Random steps on the virtual CPU interface (IHI 0069, chapter 6): a case is a sequence of what a hypervisor does to
 * the list registers and ICH_*_EL2 and its guest, at EL1, to ICV_*. Behind each step a line shows both views, and what
 * is active in the physical GIC, whose interrupts a list register can end.
 */
#include "../fuzz/fuzz.h"
#include "../fuzz/held.h"
#include "gic.h"

#define STEPS 40
#define LIST_REGISTERS 4
#define BANK (GICR(0) + SGI_FRAME)
#define FIRST_LPI 8192

#define LR_EOI BIT(41)
#define LR_GROUP1 BIT(60)
#define LR_HW BIT(61)
#define LR_STATE 62
#define LR_PRIORITY 48
#define LR_PINTID 32

#define HCR_EN BIT(0)
/* UIE to VGrp1DIE. */
#define HCR_CONDITIONS 0xfeul
#define HCR_EOICOUNT (31ul << 27)
#define VMCR_ENABLES 3ul
#define VMCR_VCBPR BIT(4)
#define VMCR_VEOIM BIT(9)
#define VMCR_BPR (0x3ful << 18)

u64 enter(u64 pstate, const void *code, u64 x0, u64 x1, u64 x2, u64 x3);

/* x0 behind code at EL1, which has interrupts masked. */
#define at_el1(instructions, value)                                                                                    \
    ({                                                                                                                 \
        enter(EL1, CODE(instructions), value, 0, 0, 0);                                                                \
        probe_results.x[0];                                                                                            \
    })

#define read_list_register(n) (n) == 0 ? read_register(ich_lr0_el2) : (n) == 1 ? read_register(ich_lr1_el2) : (n) == 2 \
                                      ? read_register(ich_lr2_el2) : read_register(ich_lr3_el2)

static void write_list_register(u32 n, u64 value)
{
    switch (n) {
    case 0: write_register(ich_lr0_el2, value); break;
    case 1: write_register(ich_lr1_el2, value); break;
    case 2: write_register(ich_lr2_el2, value); break;
    default: write_register(ich_lr3_el2, value); break;
    }
}

/* The same INTID in two list registers is UNPREDICTABLE: each has its own. */
static u32 draw_intid(u32 n)
{
    static const u32 bases[] = {0, 16, 32, 512};
    u32 base = one_in(12) ? FIRST_LPI : bases[draw_below(sizeof bases / sizeof bases[0])];
    return base + 4 * draw_below(3) + n;
}

/* An interrupt for the guest, or an empty list register. */
static u64 list_register(u32 n)
{
    static const u32 physical[] = {20, 22, 48, 50};
    u32 intid = draw_intid(n);
    /* Invalid, pending, active, both; LPIs are not active. */
    u64 state = intid >= FIRST_LPI ? draw_below(2) : one_in(3) ? draw_below(4) : 1;
    u64 value = draw_below(32) << 3 << LR_PRIORITY | intid | draw_bits(LR_GROUP1, one_in(3));
    /* Both with HW is UNPREDICTABLE. */
    if (intid < FIRST_LPI && state < 3 && one_in(3))
        value |= LR_HW | (u64)physical[n] << LR_PINTID;
    else
        value |= draw_bits(LR_EOI, 1);
    value |= state << LR_STATE;
    write_list_register(n, value);
    return value;
}

static u64 physical(u32 n)
{
    (void)n;
    u32 active = one_in(2);
    *word(BANK + (active ? GICD_ISACTIVER : GICD_ICACTIVER)) = BIT(20) | BIT(22);
    *word(GICD + (active ? GICD_ISACTIVER : GICD_ICACTIVER) + 4) = BIT(48 - 32) | BIT(50 - 32);
    return active;
}

static u64 hypervisor_control(u32 n)
{
    (void)n;
    u64 count = one_in(3) ? draw() & HCR_EOICOUNT : read_register(ich_hcr_el2) & HCR_EOICOUNT;
    u64 value = (one_in(8) ? 0 : HCR_EN) | draw_bits(HCR_CONDITIONS, 1) | count;
    write_register(ich_hcr_el2, value);
    return value;
}

static u64 machine_control(u32 n)
{
    (void)n;
    u64 value = draw_bits(VMCR_ENABLES, one_in(2)) | draw_bits(VMCR_VCBPR | VMCR_VEOIM | VMCR_BPR, 1);
    /* Five bits of priority. */
    value |= (one_in(2) ? 31 : draw_below(32)) << 27;
    write_register(ich_vmcr_el2, value);
    return value;
}

/* As a hypervisor that gives the interface to another guest: nothing is active in it. */
static u64 switch_guest(u32 n)
{
    (void)n;
    write_register(ich_ap0r0_el2, 0);
    write_register(ich_ap1r0_el2, 0);
    forget_held();
    return 0;
}

static u64 priority_mask(u32 n)
{
    (void)n;
    return at_el1("msr icc_pmr_el1, x0\n isb\n mrs x0, icc_pmr_el1", one_in(4) ? draw_below(256) : 0xf8);
}

static u64 binary_point_0(u32 n)
{
    (void)n;
    return at_el1("msr icc_bpr0_el1, x0\n isb\n mrs x0, icc_bpr0_el1", draw_below(8));
}

static u64 binary_point_1(u32 n)
{
    (void)n;
    return at_el1("msr icc_bpr1_el1, x0\n isb\n mrs x0, icc_bpr1_el1", draw_below(8));
}

static u64 enable_group_0(u32 n)
{
    (void)n;
    return at_el1("msr icc_igrpen0_el1, x0\n isb\n mrs x0, icc_igrpen0_el1", !one_in(3));
}

static u64 enable_group_1(u32 n)
{
    (void)n;
    return at_el1("msr icc_igrpen1_el1, x0\n isb\n mrs x0, icc_igrpen1_el1", !one_in(4));
}

/* CBPR and EOImode. */
static u64 control(u32 n)
{
    (void)n;
    return at_el1("msr icc_ctlr_el1, x0\n isb\n mrs x0, icc_ctlr_el1", draw_below(4)) & 3;
}

static u64 acknowledge_0(u32 n)
{
    (void)n;
    return hold(at_el1("mrs x0, icc_iar0_el1", 0), 0);
}

static u64 acknowledge_1(u32 n)
{
    (void)n;
    return hold(at_el1("mrs x0, icc_iar1_el1", 0), 1);
}

static u64 end_as(u32 group, u32 intid)
{
    if (group)
        at_el1("msr icc_eoir1_el1, x0", intid);
    else
        at_el1("msr icc_eoir0_el1, x0", intid);
    return intid;
}

/* What was acknowledged last. */
static u64 end_last(u32 n)
{
    (void)n;
    const struct held *last = release();
    return last ? end_as(last->group, last->intid) : SPURIOUS;
}

/* What may be in no list register any more. */
static u64 end_any(u32 n)
{
    return end_as(draw_below(2), draw_intid(n));
}

static u64 deactivate(u32 n)
{
    u32 intid = one_in(3) ? draw_intid(n) : (u32)(read_list_register(n));
    at_el1("msr icc_dir_el1, x0", intid);
    return intid;
}

static u64 active_priorities(u32 n)
{
    u32 bits = draw_bits(~0u, 4);
    if (n & 1)
        write_register(ich_ap1r0_el2, bits & ~read_register(ich_ap0r0_el2));
    else
        write_register(ich_ap0r0_el2, bits & ~read_register(ich_ap1r0_el2));
    return bits;
}

static const struct step steps[] = {
    {"lr", list_register, 8},
    {"physical", physical, 1},
    {"hcr", hypervisor_control, 2},
    {"vmcr", machine_control, 1},
    {"switch", switch_guest, 1},
    {"pmr", priority_mask, 1},
    {"bpr0", binary_point_0, 1},
    {"bpr1", binary_point_1, 1},
    {"igrpen0", enable_group_0, 1},
    {"igrpen1", enable_group_1, 1},
    {"ctlr", control, 1},
    {"iar0", acknowledge_0, 4},
    {"iar1", acknowledge_1, 4},
    {"eoir", end_last, 5},
    {"eoir any", end_any, 1},
    {"dir", deactivate, 2},
    {"apr", active_priorities, 1},
};

static void reset(void)
{
    forget_held();
    write_register(ich_hcr_el2, HCR_EN);
    write_register(ich_vmcr_el2, 0xf8ul << 24 | VMCR_ENABLES);
    write_register(ich_ap0r0_el2, 0);
    write_register(ich_ap1r0_el2, 0);
    for (u32 n = 0; n < LIST_REGISTERS; n++)
        write_list_register(n, 0);
    *word(BANK + GICD_ICACTIVER) = ~0u;
    *word(GICD + GICD_ICACTIVER + 4) = ~0u;
}

static void print_state(void)
{
    /* The guest's view, in which nothing changes by looking. */
    enter(EL1, CODE("mrs x0, icc_rpr_el1\n mrs x1, isr_el1\n mrs x2, icc_hppir0_el1\n mrs x3, icc_hppir1_el1"), 0, 0, 0,
          0);
    print_field("rpr", probe_results.x[0]);
    print_field("isr", probe_results.x[1]);
    print_field("hppir0", probe_results.x[2]);
    print_field("hppir1", probe_results.x[3]);
    print_field("hcr", read_register(ich_hcr_el2));
    print_field("vmcr", read_register(ich_vmcr_el2));
    print_field("misr", read_register(ich_misr_el2));
    print_field("eisr", read_register(ich_eisr_el2));
    print_field("elrsr", read_register(ich_elrsr_el2));
    print_field("ap0", read_register(ich_ap0r0_el2));
    print_field("ap1", read_register(ich_ap1r0_el2));
    for (u32 n = 0; n < LIST_REGISTERS; n++)
        print_field("lr", read_list_register(n));
    /* PPI 9 is the maintenance interrupt. */
    print_field("maintenance", *word(BANK + GICD_ISPENDR) >> 25 & 1);
    print_field("active", *word(BANK + GICD_ISACTIVER));
    print_field("active", *word(GICD + GICD_ISACTIVER + 4));
    print("\n");
}

static u32 draw_list_register(void)
{
    return draw_below(LIST_REGISTERS);
}

static void one(void)
{
    reset();
    print_state();
    take_steps(STEPS, steps, sizeof steps / sizeof steps[0], draw_list_register, print_state);
}

void main(void *device_tree)
{
    (void)device_tree;
    extern char vectors_el1[], vectors_el2[];
    gic_init();
    gic_init_cpu(0);
    write_register(vbar_el1, vectors_el1);
    write_register(vbar_el2, vectors_el2);
    write_register(icc_sre_el2, 0xf);
    write_register(hcr_el2, HCR_RW | BIT(3) | BIT(4));
    run_cases(one);
}
