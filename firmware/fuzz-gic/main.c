/*
 * Random steps on the physical GIC of one CPU (IHI 0069, chapters 4 and 12): a case is a sequence, and behind each step
 * a line shows what the CPU interface, PSTATE's view of it and the pending and active bits are.
 */
#include "../fuzz/fuzz.h"
#include "../fuzz/held.h"
#include "gic.h"

#define STEPS 40
/* Words of 32 INTIDs that are looked at: SGIs and PPIs, and two of SPIs. */
#define WORDS 3
#define DEFAULT_PRIORITIES 0xa0a0a0a0
#define EDGE_TRIGGERED 0xaaaaaaaa
/* ARE, EnableGrp1 and EnableGrp0, with one Security state. */
#define GICD_OPEN 0x13
#define BANK (GICR(0) + SGI_FRAME)

static const u32 intids[] = {0, 3, 9, 15, 20, 22, 31, 48, 50, 63, 64, 70};

/* A register of one bit for each INTID: of the redistributor for the first 32, else of the distributor. */
static volatile u32 *bits(u32 offset, u32 index)
{
    return word((index ? GICD : BANK) + offset + 4 * index);
}

static void set_bit(u32 offset, u32 intid)
{
    *bits(offset, intid / 32) = 1u << intid % 32;
}

static void change_bit(u32 offset, u32 intid, int value)
{
    u32 old = *bits(offset, intid / 32) & ~(1u << intid % 32);
    *bits(offset, intid / 32) = old | (u32)value << intid % 32;
}

static u64 pend(u32 intid)
{
    set_bit(GICD_ISPENDR, intid);
    if (!one_in(4))
        set_bit(GICD_ISENABLER, intid);
    return 0;
}

static u64 unpend(u32 intid)
{
    set_bit(GICD_ICPENDR, intid);
    return 0;
}

static u64 enable_one(u32 intid)
{
    set_bit(GICD_ISENABLER, intid);
    return 0;
}

static u64 disable_one(u32 intid)
{
    set_bit(GICD_ICENABLER, intid);
    return 0;
}

static u64 activate(u32 intid)
{
    int on = one_in(2);
    set_bit(on ? GICD_ISACTIVER : GICD_ICACTIVER, intid);
    return on;
}

static u64 priority(u32 intid)
{
    volatile u8 *at = (volatile u8 *)((intid < 32 ? BANK : GICD) + GICD_IPRIORITYR + intid);
    /* Five bits of priority. */
    *at = draw_below(32) << 3;
    return *at;
}

static u64 group(u32 intid)
{
    /* An SGI of Group 0 cannot be made with ICC_SGI1R_EL1 on both machines alike: SGIs stay in Group 1. */
    int one = intid < 16 || one_in(2);
    change_bit(GICD_IGROUPR, intid, one);
    return one;
}

static u64 configure(u32 intid)
{
    if (intid < 16)
        return 0;
    volatile u32 *at = word((intid < 32 ? BANK : GICD) + GICD_ICFGR + intid / 16 * 4);
    u32 edge = 2u << intid % 16 * 2;
    *at = one_in(2) ? *at | edge : *at & ~edge;
    return *at;
}

static u64 distributor(u32 intid)
{
    (void)intid;
    *word(GICD + GICD_CTLR) = (GICD_OPEN & ~3) | (one_in(3) ? draw_below(4) : 3);
    return *word(GICD + GICD_CTLR);
}

static u64 priority_mask(u32 intid)
{
    (void)intid;
    write_register(icc_pmr_el1, one_in(4) ? draw_below(256) : 0xf8);
    return read_register(icc_pmr_el1);
}

static u64 binary_point_0(u32 intid)
{
    (void)intid;
    write_register(icc_bpr0_el1, draw_below(8));
    return read_register(icc_bpr0_el1);
}

static u64 binary_point_1(u32 intid)
{
    (void)intid;
    write_register(icc_bpr1_el1, draw_below(8));
    return read_register(icc_bpr1_el1);
}

static u64 enable_group_0(u32 intid)
{
    (void)intid;
    write_register(icc_igrpen0_el1, draw_below(2));
    return 0;
}

static u64 enable_group_1(u32 intid)
{
    (void)intid;
    write_register(icc_igrpen1_el1, !one_in(4));
    return 0;
}

/* CBPR and EOImode. */
static u64 control(u32 intid)
{
    (void)intid;
    write_register(icc_ctlr_el1, draw_below(4));
    return read_register(icc_ctlr_el1) & 3;
}

static u64 acknowledge_0(u32 intid)
{
    (void)intid;
    return hold(read_register(icc_iar0_el1), 0);
}

static u64 acknowledge_1(u32 intid)
{
    (void)intid;
    return hold(read_register(icc_iar1_el1), 1);
}

/* What was acknowledged last. */
static u64 end_last(u32 intid)
{
    (void)intid;
    const struct held *last = release();
    if (!last)
        return SPURIOUS;
    if (last->group)
        write_register(icc_eoir1_el1, last->intid);
    else
        write_register(icc_eoir0_el1, last->intid);
    return last->intid;
}

static u64 deactivate(u32 intid)
{
    write_register(icc_dir_el1, intid);
    return 0;
}

static u64 highest(u32 intid)
{
    (void)intid;
    return read_register(icc_hppir1_el1) << 16 | read_register(icc_hppir0_el1);
}

static u64 send(u32 intid)
{
    (void)intid;
    u64 sgi = draw_below(16);
    send_to_self(sgi);
    return sgi;
}

static const struct step steps[] = {
    {"pend", pend, 2},
    {"unpend", unpend, 1},
    {"enable", enable_one, 3},
    {"disable", disable_one, 1},
    {"active", activate, 1},
    {"priority", priority, 2},
    {"group", group, 2},
    {"configure", configure, 1},
    {"gicd_ctlr", distributor, 1},
    {"pmr", priority_mask, 1},
    {"bpr0", binary_point_0, 1},
    {"bpr1", binary_point_1, 1},
    {"igrpen0", enable_group_0, 1},
    {"igrpen1", enable_group_1, 1},
    {"ctlr", control, 1},
    {"iar0", acknowledge_0, 1},
    {"iar1", acknowledge_1, 3},
    {"eoir", end_last, 3},
    {"dir", deactivate, 1},
    {"hppir", highest, 1},
    {"sgi1r", send, 1},
};

static void reset(void)
{
    forget_held();
    write_register(icc_igrpen1_el1, 0);
    write_register(icc_igrpen0_el1, 0);
    write_register(icc_ctlr_el1, 0);
    *word(GICD + GICD_CTLR) = 0;
    for (u32 i = 0; i < WORDS; i++) {
        *bits(GICD_ICENABLER, i) = ~0u;
        *bits(GICD_ICPENDR, i) = ~0u;
        *bits(GICD_ICACTIVER, i) = ~0u;
        *bits(GICD_IGROUPR, i) = i ? draw() : ~0u;
        u64 frame = i ? GICD : BANK;
        for (u32 j = 0; j < 8; j++)
            *word(frame + GICD_IPRIORITYR + 32 * i + 4 * j) = DEFAULT_PRIORITIES;
        *word(frame + GICD_ICFGR + 8 * i) = EDGE_TRIGGERED;
        *word(frame + GICD_ICFGR + 8 * i + 4) = EDGE_TRIGGERED;
    }
    write_register(icc_ap0r0_el1, 0);
    write_register(icc_ap1r0_el1, 0);
    write_register(icc_pmr_el1, 0xff);
    write_register(icc_bpr0_el1, 0);
    write_register(icc_bpr1_el1, 0);
    *word(GICD + GICD_CTLR) = GICD_OPEN;
    write_register(icc_igrpen1_el1, 1);
}

static void print_words(const char *name, u32 offset)
{
    print(" ");
    print(name);
    print("=");
    for (u32 i = 0; i < WORDS; i++) {
        print(i ? "," : "");
        print_hex(*bits(offset, i), 0);
    }
}

static void print_state(void)
{
    print_field("igrpen", read_register(icc_igrpen1_el1) << 1 | read_register(icc_igrpen0_el1));
    print_field("rpr", read_register(icc_rpr_el1));
    print_field("ap0", read_register(icc_ap0r0_el1));
    print_field("ap1", read_register(icc_ap1r0_el1));
    print_field("isr", read_register(isr_el1));
    print_words("groups", GICD_IGROUPR);
    print_words("pending", GICD_ISPENDR);
    print_words("active", GICD_ISACTIVER);
    print("\n");
}

static u32 draw_intid(void)
{
    return intids[draw_below(sizeof intids / sizeof intids[0])];
}

static void one(void)
{
    reset();
    print_state();
    take_steps(STEPS, steps, sizeof steps / sizeof steps[0], draw_intid, print_state);
}

void main(void *device_tree)
{
    (void)device_tree;
    gic_init();
    gic_init_cpu(0);
    /* Interrupts are EL2's, where they are masked: ISR_EL1 shows them. */
    write_register(hcr_el2, HCR_RW | BIT(3) | BIT(4) | BIT(5));
    run_cases(one);
}
